"""Which lectures and frames a backbone is pretrained on: procedures, sources, a share.

The published recipes are filters over one corpus: SurgeNet of all, of its public sources, of a tenth of the
frames, of one procedure (Jaspers et al., Medical Image Analysis 2025); Surg-3M of one procedure, and without
its test videos (Che et al., arXiv:2503.19740).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgvlp.files import InputError, did_you_mean
from surgvlp.lectures import DataTree
from surgvlp.lectures.procedures import read_procedures
from surgvlp.lectures.tables import lecture_cells


@dataclass(frozen=True)
class Recipe:
    """The config key `recipe`: what of a corpus to use; nothing given uses all.

    Attributes:
        labels: what each lecture is: Surg-3M's `labels.json`, or a csv with the columns `video_path`,
            `procedure` (several with ; between them) and `source` (the data set it came from), of which the
            last two are needed where the keys below ask for them; a lecture of which they are not known is
            left out then. None: the data tree's `surg3m/labels.json`.
        procedures: only lectures of any of these; empty: of all.
        leave_out_sources: without lectures of these sources.
        share: of the frames, more than 0 to 1. Which they are depends on `seed`, lecture and number alone:
            more lectures do not change it, and a smaller share is part of a larger one. Frames outside are
            nobody's neighbours either, so most frames of a small share have none in time.
        seed: of the share.
    """

    labels: str | None = None
    procedures: tuple[str, ...] = ()
    leave_out_sources: tuple[str, ...] = ()
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError("expected more than 0, at most 1", key="recipe.share")

    def reasons(self, lectures: Iterable[str], tree: DataTree | None) -> dict[str, str]:
        """{lecture: why it is not used}, of those that are not.

        Raises:
            InputError: a file that is none, a procedure or source that no lecture has.
        """
        found = {}
        if self.procedures:
            path = self._labels(tree)
            shown = read_procedures(path)
            _check_known(self.procedures, set().union(*shown.values()), "procedures", path)
            for lecture in lectures:
                if not shown.get(lecture):
                    found[lecture] = "of no known procedure"
                elif shown[lecture].isdisjoint(self.procedures):
                    found[lecture] = "of another procedure"
        if self.leave_out_sources:
            path = self._labels(tree)
            came_from = _sources_of(path)
            _check_known(self.leave_out_sources, set(came_from.values()), "leave_out_sources", path)
            for lecture in lectures:
                if not came_from.get(lecture):
                    found[lecture] = "of no known source"
                elif came_from[lecture] in self.leave_out_sources:
                    found[lecture] = f"from {came_from[lecture]}"
        return found

    def chosen(self, lecture: str, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of a lecture's numbers (n,) that are in the share."""
        if self.share == 1:
            return numbers
        return numbers[_uniform(f"{self.seed}/{lecture}", numbers) < self.share]

    def _labels(self, tree: DataTree | None) -> Path:
        if self.labels is not None:
            return Path(self.labels)
        if tree is None:
            raise InputError(
                "which procedure a lecture shows, and where it came from, must be known",
                key="recipe.labels",
                remedy="Give Surg-3M's labels.json, or a csv with video_path,procedure,source",
            )
        return tree.root / "surg3m" / "labels.json"


def _sources_of(path: Path) -> dict[str, str]:
    if path.suffix == ".json":
        raise InputError(
            "does not say which data set a lecture came from",
            file=path,
            key="recipe.labels",
            remedy="Give a csv with video_path,source",
        )
    return {lecture: source for _, lecture, source in lecture_cells(path, "source")}


def _check_known(names: Sequence[str], known: Iterable[str], key: str, path: Path) -> None:
    for name in names:
        if name not in known:
            raise InputError(
                f"no lecture of {path} has '{name}'", key=f"recipe.{key}", remedy=did_you_mean(name, known)
            )


def _uniform(key: str, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) in [0, 1), a function of key and number: splitmix64 (Steele et al. 2014) of their sum."""
    start = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
