"""Write abstracts for lectures that have none, out of their narrations.

    python tools/write_abstracts.py --data mine --split train
    python tools/write_abstracts.py --data mine --split train --source aws
    python tools/write_abstracts.py --data mine --split train --language-model model.py

Writes abstract_texts/<id>.csv with start,end,text: the sentences that stand for all that is said, in order,
or the summary of a language model; behind title and tags, where metadata/<id>.json has them.

model.py holds one config block, `config = dict(server="http://127.0.0.1:8080/v1", model="...")`; its keys
stand in docs/transcription.md. Answers are kept in language_model_answers/, so that none is paid for twice.

What this wrote is written anew where narrations, metadata or settings changed. Abstracts that came from
elsewhere, were changed since, or are by another writer (with or without a language model, or another one)
are kept and counted; --replace writes those anew too. Exit code: 0 all done, 1 some lectures failed, 2 none
has abstracts.
"""

from __future__ import annotations

import sys

from surgvlp import console
from surgvlp.transcription import writing_tool


def main(arguments: list[str] | None = None) -> int:
    """Write the abstracts."""
    return writing_tool.run("abstract", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
