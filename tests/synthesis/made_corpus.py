"""What the small corpus of these tests is made of."""

from __future__ import annotations

from surgvlp.synthesis.corpus import CorpusArguments

ARGUMENTS = CorpusArguments(seed=7, height=96, fps=4.0, seconds=80.0, difficulty="easy")
