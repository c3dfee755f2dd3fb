"""Decode predictions over time, ours or another system's, with a phase grammar.

    python tools/decode_predictions.py --run runs/mine/cholec80 --decoder runs/mine/cholec80/decoder.json
    python tools/decode_predictions.py --run theirs --decoder mine.json --output runs/theirs --json

Writes decoded/<kind>/predictions/<video>.npz beside the predictions. A decoder is a grammar file that says
how far scores can be trusted; tools/evaluate_zero_shot.py --narrations writes one.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from surgvlp import console


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    flags.add_argument("--run", type=Path, required=True, help="folder of an evaluation, or of predictions")
    flags.add_argument("--decoder", type=Path, required=True, help="grammar with its calibration (.json)")
    flags.add_argument("--output", type=Path, help="where decoded/ goes (default: the run's folder)")
    flags.add_argument("--json", action="store_true", help="print the table for machines")
    return flags.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    from surgvlp.evaluation.decoded import as_text, decoded_rows, write_decoded
    from surgvlp.evaluation.decoding import read_decoder
    from surgvlp.evaluation.folders import open_run

    [folder] = open_run([flags.run])
    decoder = read_decoder(flags.decoder, folder.predictions[0].class_names)
    output = flags.output or flags.run
    decoded = write_decoded(folder.predictions, decoder, output, folder.about)
    rows = decoded_rows(folder.predictions, decoded, {})
    if flags.json:
        print(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False))
        return console.DONE
    print(as_text(rows))
    print(f"{len(folder.predictions)} videos; everything is in {output / 'decoded'}")
    return console.DONE


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
