"""Instrument-verb-target triplets: CholecT50's vocabulary and ids, and how another procedure's is built."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

NULL_VERB, NULL_TARGET = "null_verb", "null_target"  # an instrument in the picture that does nothing

Triplet = tuple[str, str, str]


@dataclass(frozen=True)
class TripletVocabulary:
    """What instruments can do to what.

    Attributes:
        instruments, verbs, targets: class names; the id is the position.
        triplets: the combinations that occur, as (instrument, verb, target); the id is the position.
    """

    instruments: tuple[str, ...]
    verbs: tuple[str, ...]
    targets: tuple[str, ...]
    triplets: tuple[Triplet, ...]

    @functools.cached_property
    def ids(self) -> dict[Triplet, int]:
        """The id of every triplet."""
        return {triplet: number for number, triplet in enumerate(self.triplets)}


def vocabulary_of(triplets: Iterable[Triplet]) -> TripletVocabulary:
    """The vocabulary of triplets that occur: sorted, those of idle instruments last, as in CholecT50."""
    active = sorted(set(triplets))
    instruments = tuple(sorted({instrument for instrument, _, _ in active}))
    idle = [(instrument, NULL_VERB, NULL_TARGET) for instrument in instruments]
    active = [triplet for triplet in active if triplet not in idle]
    return TripletVocabulary(
        instruments=instruments,
        verbs=(*sorted({verb for _, verb, _ in active}), NULL_VERB),
        targets=(*sorted({target for _, _, target in active}), NULL_TARGET),
        triplets=(*active, *idle),
    )


def _cholect50() -> TripletVocabulary:
    """Nwoye et al., "Rendezvous", Medical Image Analysis 2022, with the published `maps.txt`'s ids."""
    instruments = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")
    verbs = (
        *("grasp", "retract", "dissect", "coagulate", "clip", "cut", "aspirate", "irrigate", "pack"),
        NULL_VERB,
    )
    targets = (
        *("gallbladder", "cystic_plate", "cystic_duct", "cystic_artery", "cystic_pedicle", "blood_vessel"),
        *("fluid", "abdominal_wall_cavity", "liver", "adhesion", "omentum", "peritoneum", "gut"),
        *("specimen_bag", NULL_TARGET),
    )
    rows: tuple[tuple[int, int, tuple[int, ...]], ...] = (  # instrument, verb, targets in the order of ids
        (0, 2, (1, 0, 10)),
        (0, 0, (3, 2, 4, 1, 0, 12, 8, 10, 11, 13)),
        (0, 8, (0,)),
        (0, 1, (2, 4, 1, 0, 12, 8, 10, 11)),
        (1, 3, (7, 5, 3, 2, 4, 1, 0, 8, 10, 11)),
        (1, 2, (9, 3, 2, 1, 0, 10)),
        (1, 0, (1, 8, 13)),
        (1, 1, (2, 4, 0, 8, 10)),
        (2, 3, (5, 3, 2, 4, 1, 0, 8, 10)),
        (2, 5, (5, 11)),
        (2, 2, (5, 3, 2, 1, 0, 10, 11)),
        (2, 1, (0, 8)),
        (3, 3, (10,)),
        (3, 5, (9, 5, 3, 2, 1, 8, 10, 11)),
        (3, 2, (1, 0, 10)),
        (4, 4, (5, 3, 2, 4, 1)),
        (5, 6, (6,)),
        (5, 2, (2, 4, 1, 0, 10)),
        (5, 7, (7, 4, 8)),
        (5, 1, (0, 8, 10)),
        *((instrument, 9, (14,)) for instrument in range(6)),
    )
    triplets = tuple(
        (instruments[instrument], verbs[verb], targets[target])
        for instrument, verb, row in rows
        for target in row
    )
    return TripletVocabulary(instruments, verbs, targets, triplets)


CHOLECT50 = _cholect50()
