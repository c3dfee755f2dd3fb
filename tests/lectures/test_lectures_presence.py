"""Tools, phases and triplets from Cholec80's and CholecT50's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surgvlp.files import InputError
from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.lectures.presence import (
    CHOLEC80_TOOLS,
    read_phase_annotations,
    read_presence,
    read_tools,
    read_triplets,
)
from surgvlp.lectures.triplets import CHOLECT50, vocabulary_of

HEADER = "\t".join(("Frame", *CHOLEC80_TOOLS))

# What the published prompts call an instrument, verb or target, where that is not its own name.
SPOKEN = {
    "abdominal_wall_cavity": ["abdominal wall"],
    "aspirate": ["aspirat"],
    "clip": ["clip", "secur"],
    "coagulate": ["coagul", "seal"],
    "cut": ["cut", "sever", "slic"],
    "dissect": ["dissect"],
    "grasp": ["grasp", "hold", "held", "placing"],
    "irrigator": ["irrigator", "irrigating"],
    "irrigate": ["irrigat", "clean", "wash"],
    "null_target": [""],
    "null_verb": ["rest", "idle", "standby", "waiting"],
    "pack": ["pack"],
    "retract": ["retract"],
}


def test_the_triplets_are_the_hundred_that_published_prompts_describe(shared_data: Path) -> None:
    prompts = (shared_data / "svl_sample/prompts/cholec_triplet.txt").read_text().splitlines()
    for (number, triplet), line in zip(enumerate(CHOLECT50.triplets), prompts, strict=True):
        named, prompt = line.split(":", 1)
        assert int(named) == number
        for name in triplet:
            words = SPOKEN.get(name, [name.replace("_", " ")])
            assert any(word in prompt for word in words), (triplet, prompt)


def test_published_triplet_files_agree_with_each_other(shared_data: Path) -> None:
    labels = read_triplets(shared_data / "svl_sample/downstream_datasets/CholecT50-challenge-train", "VID73")
    assert labels.frame_index.tolist() == list(range(1357))
    assert labels.triplet.shape == (1357, 100) and labels.triplet.dtype == bool
    assert (labels.instrument.shape[1], labels.verb.shape[1], labels.target.shape[1]) == (6, 10, 15)
    last = (labels.instrument[-1], labels.verb[-1], labels.target[-1], labels.triplet[-1])
    assert [np.flatnonzero(row).tolist() for row in last] == [[1], [0], [13], [40]]
    assert CHOLECT50.triplets[40] == ("bipolar", "grasp", "specimen_bag")


def _write_triplets(root: Path, **tables: str) -> None:
    for kind, table in tables.items():
        (root / kind).mkdir(parents=True, exist_ok=True)
        (root / kind / "VID01.txt").write_text(table)


def test_files_of_one_video_that_disagree(tmp_path: Path) -> None:
    vocabulary = vocabulary_of([("hook", "cut", "fat"), ("hook", "grasp", "fat")])
    assert vocabulary.triplets[2] == ("hook", "null_verb", "null_target")
    right = {
        "triplet": "0,1,0,0\n1,0,1,0\n",
        "instrument": "0,1\n1,1\n",
        "verb": "0,1,0,0\n1,0,1,0\n",
        "target": "0,1,0\n1,1,0\n",
    }
    _write_triplets(tmp_path, **right)
    assert read_triplets(tmp_path, "VID01", vocabulary).verb.tolist() == [[1, 0, 0], [0, 1, 0]]
    _write_triplets(tmp_path, verb="0,1,0,0\n1,0,0,1\n")
    with pytest.raises(InputError, match=r"verb/VID01\.txt, row 2, 'grasp': not what the row"):
        read_triplets(tmp_path, "VID01", vocabulary)
    _write_triplets(tmp_path, verb="0,1,0,0\n2,0,1,0\n")
    with pytest.raises(InputError, match=r"verb/VID01\.txt: its frames are not those of"):
        read_triplets(tmp_path, "VID01", vocabulary)
    with pytest.raises(InputError, match="not a usable id"):
        read_triplets(tmp_path, "../VID01", vocabulary)


def test_tools_of_cholec80(tmp_path: Path) -> None:
    path = tmp_path / "video01-tool.txt"
    path.write_text(f"{HEADER}\n0\t1\t0\t0\t0\t0\t0\t0\n25\t1\t0\t1\t0\t0\t0\t1\n")
    tools = read_tools(path)
    assert tools.frame_index.tolist() == [0, 25]
    assert np.flatnonzero(tools.present[1]).tolist() == [0, 2, 6]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("", "row 1: not the header"),
        ("Frame,Grasper\n", "row 1: not the header"),
        (f"{HEADER}\n", "no rows"),
        (f"{HEADER}\n0\t1\t0\t0\t0\t0\t0\t2\n", "row 2, 'SpecimenBag': '2' is not 0 or 1"),
        (f"{HEADER}\n0\t1\t0\t0\t0\t0\t0\n", "row 2: 7 cells instead of 8"),
        (f"{HEADER}\n-1\t1\t0\t0\t0\t0\t0\t0\n", "row 2, 'frame': '-1' is not a frame's number"),
        (f"{HEADER}\n²\t1\t0\t0\t0\t0\t0\t0\n", "row 2, 'frame': '²' is not"),
        (f"{HEADER}\n25{7 * '	0'}\n\n25{7 * '	0'}\n", "row 4, 'frame': frame 25 after frame 25"),
    ],
)
def test_a_faulty_tool_file_is_named_by_its_place(tmp_path: Path, table: str, complaint: str) -> None:
    path = tmp_path / "video01-tool.txt"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=rf"video01-tool\.txt.*{complaint}"):
        read_tools(path)


def test_phases_of_cholec80(tmp_path: Path) -> None:
    path = tmp_path / "video01-phase.txt"
    path.write_text("Frame\tPhase\r\n0\tPreparation\r\n1\tGallbladderRetraction\r\n")
    frames, phases = read_phase_annotations(path, CHOLECYSTECTOMY)
    assert (frames.tolist(), phases.tolist()) == ([0, 1], [0, 6])
    path.write_text("Frame\tPhase\n0\tpreparation\n")
    with pytest.raises(InputError, match=r"row 2, 'Phase': no phase 'preparation'\. Use Preparation, Calot"):
        read_phase_annotations(path, CHOLECYSTECTOMY)


def test_no_file_and_a_table_without_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_tools(tmp_path / "none.txt")
    path = tmp_path / "table.txt"
    path.write_text("7,0,1\n")
    assert read_presence(path, ["a", "b"]).present.tolist() == [[False, True]]
