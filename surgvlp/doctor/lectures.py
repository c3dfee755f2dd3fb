"""What is in the data tree, and what stands in the way of reading it. Runs in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

from surgvlp.doctor.finding import Finding
from surgvlp.files import InputError
from surgvlp.lectures.tree import KINDS, DataTree
from surgvlp.media.store import SUFFIX

LAY_OUT = "Lay lectures out as data/README.md says and give their folder with --data; make demo makes some"


def findings(root: str) -> Iterator[Finding]:
    """Counts of files by kind, splits, labelled data sets, files left half-written."""
    tree = DataTree(root)
    place = tree.root.absolute()
    counts = ", ".join(_counts(tree))
    if counts:
        yield Finding("data", "ok", f"{place}: {counts}")
    else:
        yield Finding("data", "note", f"no lectures in {place}", LAY_OUT)
    for split in sorted(tree.root.glob("splits/[!.]*.csv")):
        yield _split(tree, split.stem)
    for folder in sorted(tree.root.glob("downstream_datasets/*/csvs")):
        yield _labelled(tree, folder.parent.name)
    partial = sorted(tree.root.glob("*/.*.partial"))
    if partial:
        found = f"{len(partial)} left of writing that was killed, as {partial[0]}"
        yield Finding("half-written", "warning", found, "Delete them, unless something is writing just now")


def _counts(tree: DataTree) -> Iterator[str]:
    folders = {"videos": "videos/[!.]*.mp4", "frame stores": f"frame_store/[!.]*{SUFFIX}"}
    folders |= {f"{kind.replace('_', ' ')} files": f"{kind}_texts/[!.]*.csv" for kind in KINDS}
    for name, pattern in folders.items():
        if count := sum(1 for _ in tree.root.glob(pattern)):
            yield f"{count} {name}"


def _split(tree: DataTree, name: str) -> Finding:
    title = f"split {name}"
    try:
        lectures = tree.split(name)
        without = [lecture for lecture in lectures if not tree.pictures(lecture).exists()]
    except InputError as error:
        return Finding(title, "warning", str(error), "Correct the file; what reads it stops there")
    if without:
        found = (
            f"{len(without)} of {len(lectures)} lectures have neither video nor frame store, as {without[0]}"
        )
        return Finding(title, "warning", found, f"Copy them to {tree.root / 'videos'}, or delete their rows")
    return Finding(title, "ok", f"{len(lectures)} lectures, all have pictures")


def _labelled(tree: DataTree, name: str) -> Finding:
    try:
        dataset = tree.downstream(name)
        videos = dataset.videos()
        first = dataset.frames(videos[0])
    except InputError as error:
        return Finding(name, "warning", str(error), "Correct it before evaluating on this data set")
    absent = [path for path in (first.paths[0], first.paths[-1]) if not path.is_file()] if first.paths else []
    if absent:
        remedy = "Extract one image a second there; whether numbers begin at 0 or 1 is in data/README.md"
        return Finding(name, "warning", f"{len(videos)} label files, but no image {absent[0]}", remedy)
    return Finding(name, "ok", f"{len(videos)} labelled videos, images of {videos[0]} are there")
