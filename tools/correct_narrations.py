"""Put right what a speech recogniser misheard, by a language model.

    python tools/correct_narrations.py --data mine --split train --language-model model.py
    python tools/correct_narrations.py --data mine --split train --language-model model.py --source aws

Corrects whisper_narration_texts/<id>.csv; what stood there is put into whisper_narration_texts/uncorrected/.
A correction replaces misheard words by words that are written much alike, and leaves numbers, units, sides
and negations; any other is refused, and the sentence stays. Times stay.

model.py holds one config block, `config = dict(server="http://127.0.0.1:8080/v1", model="...")`; its keys
stand in docs/transcription.md. Answers are kept in language_model_answers/, so that none is paid for twice.

A lecture is corrected anew, from what was put aside, where metadata or settings changed. Narrations that
were changed since, or corrected by another language model, are kept and counted; --replace corrects those
too. Exit code: 0 all done, 1 some lectures failed, 2 none could be done.
"""

from __future__ import annotations

import sys

from surgvlp import console
from surgvlp.transcription import writing_tool


def main(arguments: list[str] | None = None) -> int:
    """Correct the narrations."""
    return writing_tool.run("narration", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
