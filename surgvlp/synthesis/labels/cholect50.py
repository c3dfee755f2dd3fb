"""CholecT50's files: `{triplet,instrument,verb,target}/VIDnn.txt`, `dict/`, `data/VIDnn/<six digits>.png`.

Nwoye et al., "Rendezvous", Medical Image Analysis 2022.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surgvlp.files import write_text
from surgvlp.lectures.triplets import TripletVocabulary
from surgvlp.synthesis.labels.links import link


def write_triplets(root: Path, video: str, triplets: np.ndarray, vocabulary: TripletVocabulary) -> None:
    """Write a video's four files and, the same for all, `dict/`.

    Args:
        root: of the data set.
        video: such as VID01.
        triplets: (N, 100) bool, one row a second from 0; as wide as the vocabulary has triplets.
        vocabulary: what the columns are.
    """
    _write_table(root / "triplet" / f"{video}.txt", triplets)
    members = _members(vocabulary)
    for position, (kind, names) in enumerate(_components(vocabulary)):
        member = members[:, position, None] == np.arange(len(names))
        _write_table(root / kind / f"{video}.txt", triplets @ member)
    _write_dict(root / "dict", vocabulary)


def link_frames(folder: Path, frames: Sequence[Path]) -> None:
    """Make `folder` hold frame n as `<n as six digits>.png`: the same files under other names.

    Args:
        folder: such as data/VID01; what it held is removed.
        frames: existing files, one a second from 0.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for number, frame in enumerate(frames):
        link(frame, folder / f"{number:06d}.png")


def _components(vocabulary: TripletVocabulary) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("instrument", vocabulary.instruments),
        ("verb", vocabulary.verbs),
        ("target", vocabulary.targets),
    )


def _members(vocabulary: TripletVocabulary) -> np.ndarray:
    """(C, 3) ids of each triplet's instrument, verb and target."""
    names = [names for _, names in _components(vocabulary)]
    return np.array(
        [[names[part].index(triplet[part]) for part in range(3)] for triplet in vocabulary.triplets]
    )


def _write_table(path: Path, present: np.ndarray) -> None:
    rows = np.column_stack([np.arange(len(present)), present.astype(int)]).tolist()
    write_text(path, "".join(",".join(map(str, row)) + "\n" for row in rows))


def _write_dict(folder: Path, vocabulary: TripletVocabulary) -> None:
    """`maps.txt` gives each triplet's components; its pairs are numbered 10 i + v and 15 i + t."""
    lists = {
        "triplet": [",".join(triplet) for triplet in vocabulary.triplets],
        **dict(_components(vocabulary)),
    }
    for kind, names in lists.items():
        write_text(folder / f"{kind}.txt", "".join(f"{number}:{name}\n" for number, name in enumerate(names)))
    verbs, targets = len(vocabulary.verbs), len(vocabulary.targets)
    rows = [
        f"{number},{i},{v},{t},{verbs * i + v},{targets * i + t}"
        for number, (i, v, t) in enumerate(_members(vocabulary).tolist())
    ]
    write_text(folder / "maps.txt", "\n".join(["# IVT, I, V, T, IV, IT", *rows]) + "\n")
