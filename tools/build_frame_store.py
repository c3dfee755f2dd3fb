"""Decode videos once into frame stores, the form in which training and evaluation read pictures.

    python tools/build_frame_store.py --videos data/videos --out data/frames
    python tools/build_frame_store.py --videos lecture.mp4 another.mp4 --out data/frames --rate 4 --quality 90

Every video <id>.mp4 (or .mkv, .mov and the like) becomes a folder <out>/<id>.frames. Run it again after an
interruption or with more videos; stores that fit video and settings stay. Ends with 1 where some videos could
not be read, 2 where none could.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from surgvlp import console
from surgvlp.files import InputError
from surgvlp.media.building import ENDINGS, BuildReport, build_all


def parse_flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=Path, nargs="+", required=True, help="files, or folders of videos")
    parser.add_argument("--out", type=Path, required=True, help="folder of the frame stores")
    parser.add_argument("--rate", type=float, default=4.0, help="frames a second (4)")
    parser.add_argument("--short-side", type=int, default=384, help="pixels; never scaled up (384)")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEGs, 1 to 100 (90)")
    parser.add_argument("--jobs", type=int, default=None, help="videos at a time (one a core)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        help="seconds without progress until a video is given up (120)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    flags = parse_flags(arguments)
    videos = find_videos(flags.videos)
    report = build_all(
        videos, flags.out, flags.rate, flags.short_side, flags.quality, flags.jobs, flags.timeout
    )
    if len(report.failed) == len(videos) == 1:
        raise InputError(*report.failed.values())
    for why in report.failed.values():
        print(f"failed: {why}", file=sys.stderr)
    if len(report.failed) == len(videos):
        raise InputError(f"none of the {len(videos)} videos could be read")
    print(summary(report, flags.out))
    return console.PARTLY_FAILED if report.failed else console.DONE


def find_videos(places: list[Path]) -> list[Path]:
    """Files as given, folders as the videos in them, by name."""
    videos: list[Path] = []
    for place in places:
        found = sorted(filter(is_video, place.iterdir())) if place.is_dir() else [place]
        if not found:
            raise InputError(f"there are no videos ({' '.join(ENDINGS)})", file=place)
        videos += found
    return videos


def is_video(path: Path) -> bool:
    """By its name; hidden files are other programs' notes."""
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def summary(report: BuildReport, out: Path) -> str:
    """One line on what is there now."""
    size = sum(info.bytes for info in report.built) / 1e6
    damaged = sum(info.damaged for info in report.built)
    parts = [f"{len(report.built)} built ({size:.1f} MB)", f"{len(report.reused)} up to date"]
    parts += [f"{len(report.failed)} failed"] if report.failed else []
    parts += [f"{damaged} damaged frames replaced by the ones before them"] if damaged else []
    return f"frame stores in {out}: " + ", ".join(parts)


if __name__ == "__main__":
    sys.exit(console.exit_code(main))
