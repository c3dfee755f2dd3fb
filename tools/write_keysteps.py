"""Write keysteps for lectures that have none, out of their narrations.

    python tools/write_keysteps.py --data mine --split train
    python tools/write_keysteps.py --data mine --split train --source aws

Writes keystep_texts/<id>.csv with start,end,step,text: a keystep begins where what is said turns to something
else; step is a title in the lecturer's words, text the sentences that stand for the others.

Lectures done already from the same narrations are left alone, and so are keysteps that this did not
write, or that were changed since; --replace writes those anew too. Exit code: 0 all done, 1 some lectures
failed, 2 none has keysteps.
"""

from __future__ import annotations

import sys

from surgvlp import console
from surgvlp.transcription import writing_tool


def main(arguments: list[str] | None = None) -> int:
    """Write the keysteps."""
    return writing_tool.run("keystep", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
