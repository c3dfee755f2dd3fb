"""From the splits of a data tree to a neighbour map: which lectures, their frames and their procedures."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvlp.curation.embedding import Source, embed_lectures, of_file, of_lmdb
from surgvlp.curation.neighbours import Procedures, neighbour_map
from surgvlp.features.extraction import Extractor
from surgvlp.files import InputError
from surgvlp.lectures.exclusions import read_exclusions
from surgvlp.lectures.neighbour_map import NeighbourMap, check_writable, write_neighbour_map
from surgvlp.lectures.procedures import read_procedures
from surgvlp.lectures.tree import DataTree
from surgvlp.media.surg3m_lmdb import Surg3MFrames, is_lmdb

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundNeighbours:
    """What came of a search.

    Attributes:
        map: as written.
        failed: {lecture: why it could not be read}; not in the map.
        excluded: lectures of the splits that were excluded.
        unknown: lectures without a known procedure; in the map, without neighbours.
        any_procedure: whether neighbours could come from any procedure.
    """

    map: NeighbourMap
    failed: dict[str, str]
    excluded: list[str]
    unknown: list[str]
    any_procedure: bool


def find_neighbours(
    data: Path,
    splits: Sequence[str],
    out: Path,
    extractor: Extractor,
    exclude: Sequence[str] = (),
    frames: Path | None = None,
    every_s: float = 1.0,
    neighbours: int = 8,
    procedures: Path | None = None,
    any_procedure: bool = False,
) -> FoundNeighbours:
    """Embed the frames of lectures, find each one's nearest in the others, write the map.

    Args:
        data: root of the data tree.
        splits: whose lectures take part.
        out: the map to write.
        extractor: the backbone that embeds the frames, and how.
        exclude: whose lectures do not, see `read_exclusions`.
        frames: folder of frame stores or videos, or a Surg-3M LMDB; None: the data tree's `frame_store/`, and
            `videos/` for lectures that have no store.
        every_s: seconds between frames; an LMDB's are one apart.
        neighbours: most a frame gets. SurgFM's rule looks at the four nearest; more leave something of a map
            from which a training excludes lectures.
        procedures: a file for `read_procedures`; None: the data tree's `surg3m/labels.json`.
            Where there is none, or it knows no lecture's procedure, any other lecture's frames will do.
        any_procedure: they will do anyway.

    Raises:
        InputError: settings out of range, lectures without pictures, none that can be read, a given file of
            procedures that knows none of the lectures, or no two lectures of one procedure.
    """
    if not 0 < every_s < float("inf"):
        raise InputError(f"--every {every_s:g} is not a time in seconds")
    if neighbours < 1:
        raise InputError(f"--neighbours {neighbours}: there must be at least 1")
    check_writable(out)
    tree = DataTree(data)
    left_out = read_exclusions(exclude, tree)
    wanted = sorted({lecture for split in splits for lecture in tree.split(split)})
    lectures = [lecture for lecture in wanted if lecture not in left_out]
    if exclude and len(lectures) == len(wanted):
        log.warning("the exclusions name no lecture of these data: %s", ", ".join(exclude))
    known = None if any_procedure else _procedures(tree, lectures, procedures)
    _check_pairs(lectures, known)
    sources = _sources(tree, lectures, frames, every_s)
    embedded, failed = embed_lectures(extractor, sources)
    if failed:
        _check_pairs(embedded.lectures, known)
    found = neighbour_map(embedded, every_s, neighbours, known)
    write_neighbour_map(out, found)
    return FoundNeighbours(
        map=found,
        failed=failed,
        excluded=[lecture for lecture in wanted if lecture in left_out],
        unknown=[lecture for lecture in found.lectures if known is not None and not known.get(lecture)],
        any_procedure=known is None,
    )


def _check_pairs(lectures: Sequence[str], known: Procedures | None) -> None:
    """Refuse lectures of which no two could be neighbours, before hours are spent on them."""
    shown = Counter(
        procedure
        for each in lectures
        for procedure in (known.get(each, ()) if known is not None else ("any",))
    )
    if max(shown.values(), default=0) < 2:
        raise InputError(
            f"no frame can have a neighbour: of the {len(lectures)} lectures no two are of one procedure",
            remedy="Give more lectures, or --any-procedure",
        )


def _procedures(tree: DataTree, lectures: Sequence[str], path: Path | None) -> Procedures | None:
    own = tree.root / "surg3m" / "labels.json"
    if path is None and not own.is_file():
        return None
    known = read_procedures(path or own)
    if any(known.get(lecture) for lecture in lectures):
        return known
    if path is not None:
        raise InputError(
            "knows the procedure of none of the lectures",
            file=path,
            remedy="Give the file that names them, or --any-procedure",
        )
    return None


def _sources(
    tree: DataTree, lectures: Sequence[str], frames: Path | None, every_s: float
) -> dict[str, Source]:
    if frames is not None and is_lmdb(frames):
        if every_s != 1:
            raise InputError(
                "the frames of an LMDB are one second apart", file=frames, remedy="Use --every 1"
            )
        stored = Surg3MFrames(frames)
        present = set(stored.lectures)
        _refuse_absent([lecture for lecture in lectures if lecture not in present], frames)
        return {lecture: of_lmdb(stored, lecture) for lecture in lectures}
    paths = {lecture: tree.pictures(lecture, frames) for lecture in lectures}
    absent = [lecture for lecture, path in paths.items() if not path.exists()]
    _refuse_absent(absent, frames or tree.root / "frame_store")
    return {lecture: of_file(path, every_s) for lecture, path in paths.items()}


def _refuse_absent(lectures: Sequence[str], place: Path) -> None:
    if lectures:
        named = ", ".join(lectures[:3]) + (" ..." if len(lectures) > 3 else "")
        raise InputError(
            f"no pictures of {len(lectures)} lectures ({named})",
            file=place,
            remedy="Build their frame stores, or take them out of the split",
        )
