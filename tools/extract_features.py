"""Write the features that an image backbone sees in videos, one .npz a video.

    python tools/extract_features.py --backbone runs/dino/step_00001000.pt --videos data/videos --out features
    python tools/extract_features.py --backbone resnet_50 --videos a.mp4 data/frames --out features --rate 4

Takes video files, frame stores (<id>.frames), folders of images, and folders of these. Run it again after an
interruption or with more videos: whole files of the same backbone, settings and pictures stay. Ends with 1
where some could not be read, 2 where none could. What is in a file: docs/image_pretraining.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from surgvlp import console
from surgvlp.files import InputError

if TYPE_CHECKING:
    from surgvlp.features.extraction import ExtractionReport


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbone", required=True, help="a checkpoint, a released file or its name, a timm name"
    )
    parser.add_argument("--videos", type=Path, nargs="+", required=True, help="what to read, see above")
    parser.add_argument("--out", type=Path, required=True, help="folder of the .npz files")
    parser.add_argument("--rate", type=float, default=1.0, help="pictures a second (1)")
    parser.add_argument(
        "--folder-rate", type=float, help="images a second in folders of images (as --rate: all are taken)"
    )
    parser.add_argument("--size", type=int, help="side in pixels of what the backbone sees (its own)")
    parser.add_argument("--batch-size", type=int, default=64, help="pictures at once (64)")
    parser.add_argument(
        "--precision", choices=("float32", "float16"), default="float32", help="of the features (float32)"
    )
    parser.add_argument("--bfloat16", action="store_true", help="compute in bfloat16: faster on a GPU")
    parser.add_argument("--device", help="torch's name of it (a GPU where there is one)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    console.set_up_logging()
    # Torch and all that comes with it loads after the flags are known to be right.
    from surgvlp.features.extraction import extract_all, open_extractor

    extractor = open_extractor(
        flags.backbone,
        device=flags.device,
        size=flags.size,
        rate=flags.rate,
        folder_rate=flags.folder_rate,
        precision=flags.precision,
        batch_size=flags.batch_size,
        bfloat16=flags.bfloat16,
    )
    report = extract_all(flags.videos, flags.out, extractor)
    finished = len(report.written) + len(report.reused)
    if len(report.failed) == 1 and not finished:
        raise InputError(*report.failed.values())
    for why in report.failed.values():
        print(f"failed: {why}", file=sys.stderr)
    if not finished:
        raise InputError(f"none of the {len(report.failed)} videos could be read")
    print(summary(report, flags.out))
    return console.PARTLY_FAILED if report.failed else console.DONE


def summary(report: ExtractionReport, out: Path) -> str:
    """One line on what is there now."""
    rate = f" ({report.pictures} pictures, {report.pictures / max(report.seconds, 1e-9):.3g} a second)"
    parts = [f"{len(report.written)} written{rate if report.written else ''}"]
    parts += [f"{len(report.reused)} up to date"]
    parts += [f"{len(report.failed)} failed"] if report.failed else []
    return f"features in {out}: " + ", ".join(parts)


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
