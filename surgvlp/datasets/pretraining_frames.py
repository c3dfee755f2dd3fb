"""Pretraining of image backbones: single frames, each with frames like it (SurgFM) or without (DINO)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from surgvlp import config
from surgvlp.console import progress_bar
from surgvlp.datasets.corpus_recipe import Recipe
from surgvlp.datasets.frame_sources import FrameSource, open_source
from surgvlp.datasets.frames import LectureFrames
from surgvlp.datasets.neighbour_rules import draw_two, nearest_rows, neighbour_pool, temporal_rows
from surgvlp.datasets.sampling import item_generator
from surgvlp.datasets.split import Split
from surgvlp.files import InputError, sha256_of_json
from surgvlp.lectures import DataTree
from surgvlp.lectures.exclusions import read_exclusions
from surgvlp.lectures.neighbour_map import NeighbourMap, read_neighbour_map, read_published_map
from surgvlp.media.numbered_frames import Picture, shrunk
from surgvlp.registry import DATASETS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PretrainingFrameKeys:
    """The config keys of the data set `pretraining_frames`.

    Attributes:
        frames_root: folder of frame stores `<id>.frames`, or a Surg-3M LMDB.
        root: the data tree that holds the splits; needed only where one is named.
        split: name of a split in it; None: all lectures of `frames_root`.
        every_s: seconds between the frames of a store that are used. An LMDB gives all its frames; at Surg-3M
            they are a second apart.
        neighbours: W, how many frames beside its own a sample has: 0 (DINO) or 2 (SurgFM).
        neighbour_map: a map of similar frames of other lectures, of tools/find_neighbours.py (.npz) or in the
            published form (.json); None: neighbours in time only.
        exclude: lectures that must not be seen, not even as neighbours: names of splits, or lists; see
            `read_exclusions`.
        recipe: which part of the corpus to use.
        short_side: in pixels, to which larger frames are shrunk on loading; None: as stored.
        seed: of the draws of neighbours.
    """

    frames_root: str
    root: str | None = None
    split: str | None = None
    every_s: float = 1.0
    neighbours: Literal[0, 2] = 0
    neighbour_map: str | None = None
    exclude: tuple[str, ...] = ()
    recipe: Recipe = field(default_factory=Recipe)
    short_side: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split is not None and self.root is None:
            raise InputError("a split needs its data tree", key="root")
        if not 0 < self.every_s < float("inf"):
            raise InputError("expected seconds, more than 0", key="every_s")
        if self.neighbour_map is not None and not self.neighbours:
            raise InputError("a map is of no use without neighbours", key="neighbours", remedy="Set it to 2")
        if self.short_side is not None and self.short_side < 1:
            raise InputError("expected 1 or more pixels", key="short_side")


class PretrainingFrames:
    """One sample is one frame and W frames like it; an epoch is every frame once.

    `dataset[(epoch, index)]` draws the neighbours from a generator of (seed, epoch, index): two different
    places of a pool of four, as SurgFM (`neighbour_rules`). It gives
        frames: 1 + W pictures (H, W', 3) uint8 RGB, the frame itself first; they may differ in size.
        sample_index: the index.
    Only these pictures are decoded. Memory: 12 bytes a frame, 28 with a map.

    Attributes:
        neighbours: W.
        lectures: ids of the lectures used, sorted.
        lecture: (N,) int32, row of `lectures`; frames are sorted by it and by number.
        number: (N,) int64, n for the frame at n * every_s seconds.
        left_out: what is not used and why, {reason: [lecture]}.

    Raises:
        InputError: a file that cannot be used, a map that does not fit the frames, or nothing to train on.
    """

    def __init__(self, keys: PretrainingFrameKeys) -> None:
        self.keys, self.neighbours = keys, keys.neighbours
        self.source = open_source(keys.frames_root, keys.every_s)
        split = Split([], LectureFrames([]))
        names, self._unwanted = _lectures(keys, self.source, split)
        self.left_out = split.left_out
        self.lectures, numbers, self._identities = _numbers(keys, self.source, names, split)
        self.lecture = np.repeat(np.arange(len(numbers), dtype=np.int32), [len(one) for one in numbers])
        self.number = np.concatenate([*numbers, np.empty(0, np.int64)])
        split.report(len(self.number), "frame", _place(keys))
        self._near: NDArray[np.int32] | None = None
        if keys.neighbour_map is not None:
            self._near = self._nearest(keys.neighbour_map)

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, key: tuple[int, int] | int) -> dict[str, Any]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        rows = [index]
        if self.neighbours:
            rows += draw_two(self.pool(index), item_generator(self.keys.seed, epoch, index)).tolist()
        read = {row: self._picture(row) for row in dict.fromkeys(rows)}
        return {"frames": [read[row] for row in rows], "sample_index": index}

    def pool(self, index: int) -> NDArray[np.int64]:
        """(4,) rows of the frames that a sample's neighbours are drawn from; one may stand there twice."""
        temporal = temporal_rows(self.lecture, self.number, index)
        if self._near is None:
            return temporal
        near = self._near[index]
        return neighbour_pool(near[near >= 0], temporal)

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of samples.

        Returns:
            frames: (B, 1 + W, 3, H, W') uint8 RGB, zeros right of and below smaller ones.
            size: (B, 1 + W, 2) int64, height and width of the picture in it.
            sample_index: (B,) int64.
        """
        size = torch.tensor([[picture.shape[:2] for picture in item["frames"]] for item in items])
        height, width = size.amax((0, 1)).tolist()
        # colours last in memory, as pictures come and as crops are cut
        frames = torch.zeros((*size.shape[:2], height, width, 3), dtype=torch.uint8)
        for place, item in zip(frames, items, strict=True):
            for frame, picture in zip(place, item["frames"], strict=True):
                frame[: picture.shape[0], : picture.shape[1]] = torch.from_numpy(picture)
        return {
            "frames": frames.permute(0, 1, 4, 2, 3),
            "size": size,
            "sample_index": torch.tensor([item["sample_index"] for item in items]),
        }

    def describe(self, index: int) -> str:
        """Which frame the sample is: `lecture_0003 at 12.0 s`."""
        return f"{self.lectures[self.lecture[index]]} at {self.number[index] * self.keys.every_s:.1f} s"

    def fingerprint(self) -> str:
        """sha256 over all that decides what the samples are; where the files lie has no part in it."""
        used = asdict(self.keys)
        arrays = (self.lecture, self.number, *(() if self._near is None else (self._near,)))
        return sha256_of_json(
            {
                "keys": {name: used[name] for name in ("every_s", "neighbours", "short_side", "seed")},
                "lectures": self.lectures,
                "pictures": self._identities,
                "arrays": [hashlib.sha256(array).hexdigest() for array in arrays],
            }
        )

    def _picture(self, row: int) -> Picture:
        picture = self.source.read(self.lectures[self.lecture[row]], int(self.number[row]))
        return shrunk(picture, self.keys.short_side)

    def _nearest(self, path: str) -> NDArray[np.int32]:
        """(N, 4) rows of near frames, -1 where there are fewer."""
        read = read_published_map if path.endswith(".json") else read_neighbour_map
        found = read(path)
        if abs(found.every_s - self.keys.every_s) > 1e-6:
            raise InputError(
                f"a map of frames every {found.every_s:g} s, the data have one every {self.keys.every_s:g} s",
                file=path,
                key="every_s",
            )
        near = nearest_rows(found, self._rows_of(found, path), len(self))
        share = (near[:, 0] >= 0).mean()
        logger.info("%s: %.1f %% of the frames have a neighbour in it", path, 100 * share)
        return near

    def _rows_of(self, found: NeighbourMap, path: str) -> NDArray[np.int64]:
        """(M,) row of each frame of a map; -1 for those that are left out.

        Raises:
            InputError: the map names a lecture or frame that is not there at all.
        """
        rows = np.full(len(found.number), -1)
        used = {lecture: row for row, lecture in enumerate(self.lectures)}
        known = self._unwanted.union(self.source.lectures)
        ends = np.searchsorted(found.lecture, np.arange(len(found.lectures) + 1))
        for lecture, start, end in zip(found.lectures, ends[:-1], ends[1:], strict=True):
            if lecture in used:
                rows[start:end] = self._rows_in(used[lecture], found.number[start:end], path)
            elif lecture not in known and start < end:
                raise _stale(path, f"{lecture}_{found.number[start]}")
        return rows

    def _rows_in(self, lecture: int, numbers: NDArray[np.int64], path: str) -> NDArray[np.int64]:
        """(n,) rows of some of a lecture's numbers; -1 for those outside the share."""
        start, end = np.searchsorted(self.lecture, [lecture, lecture + 1])
        own, name = self.number[start:end], self.lectures[lecture]
        places = np.searchsorted(own, numbers).clip(max=len(own) - 1)
        is_used = own[places] == numbers
        if not is_used.all():
            absent = np.setdiff1d(numbers[~is_used], self.source.numbers(name))
            if len(absent):
                raise _stale(path, f"{name}_{absent[0]}")
        return np.where(is_used, start + places, -1)


@DATASETS.register_module(name="pretraining_frames")
def build_pretraining_frames(**keys: Any) -> PretrainingFrames:
    """Build `PretrainingFrames` from its config keys (`PretrainingFrameKeys`); unknown ones are refused."""
    return PretrainingFrames(config.build(PretrainingFrameKeys, keys, "pretraining_frames"))


def _lectures(keys: PretrainingFrameKeys, source: FrameSource, split: Split) -> tuple[list[str], set[str]]:
    """Sorted ids of those to use, and ids of those kept out on purpose; counts what is left out."""
    tree = None if keys.root is None else DataTree(keys.root)
    wanted = source.lectures if tree is None or keys.split is None else sorted(tree.split(keys.split))
    excluded = read_exclusions(keys.exclude, tree)
    reasons = keys.recipe.reasons(wanted, tree)
    if keys.exclude and excluded.isdisjoint(wanted):
        logger.warning("the exclusions name no lecture of these data: %s", ", ".join(keys.exclude))
    reasons |= dict.fromkeys(excluded.intersection(wanted), "excluded")
    there = set(source.lectures)
    names = []
    for name in wanted:
        reason = reasons.get(name, "no frames" if name not in there else None)
        if reason is None:
            names.append(name)
        else:
            split.leave_out(reason, name)
    return names, excluded.union(reasons)


def _numbers(
    keys: PretrainingFrameKeys, source: FrameSource, names: Sequence[str], split: Split
) -> tuple[list[str], list[NDArray[np.int64]], list[str]]:
    """The lectures that have frames in the share, the numbers of these, and an identity of each lecture."""
    lectures, numbers, identities = [], [], []
    with progress_bar("reading lectures", len(names), unit="lectures") as bar:
        for name in names:
            chosen = keys.recipe.chosen(name, source.numbers(name))
            if len(chosen):
                lectures.append(name)
                numbers.append(chosen)
                identities.append(source.identity(name))
            else:
                split.leave_out("no frame in the share", name)
            bar.advance()
    return lectures, numbers, identities


def _place(keys: PretrainingFrameKeys) -> Path:
    """Where the lectures are listed."""
    if keys.root is None or keys.split is None:
        return Path(keys.frames_root)
    return Path(keys.root) / "splits" / f"{keys.split}.csv"


def _stale(path: str, key: str) -> InputError:
    return InputError(
        f"names the frame {key}, which the data do not have",
        file=path,
        key="neighbour_map",
        remedy="Make the map of these frames: tools/find_neighbours.py",
    )
