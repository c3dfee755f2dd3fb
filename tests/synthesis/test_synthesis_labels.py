"""Label files in the published formats, each read back by what reads the real one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from surgvlp.files import InputError
from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.lectures.masks import CHOLECSEG8K, read_mask
from surgvlp.lectures.presence import CHOLEC80_TOOLS, read_phase_annotations, read_tools, read_triplets
from surgvlp.lectures.tree import DataTree
from surgvlp.lectures.triplets import CHOLECT50, vocabulary_of
from surgvlp.media.images import read_image
from surgvlp.synthesis.editing.overlays import Box
from surgvlp.synthesis.labels import autolaparo, cholec80, cholecseg8k, cholect50, critical_view, overlays
from surgvlp.synthesis.labels.files import remove_labels


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape) < 0.2


def test_cholec80_counts_every_frame_for_phases_and_every_25th_for_tools(tmp_path: Path) -> None:
    phase, tools = np.repeat([0, 3, 6], 30), _drawn(4, 7)
    cholec80.write_phase_annotations(tmp_path / "phase.txt", phase, CHOLECYSTECTOMY)
    cholec80.write_tools(tmp_path / "tool.txt", tools)
    lines = (tmp_path / "phase.txt").read_text().splitlines()
    assert lines[0] == "Frame\tPhase" and lines[31] == "30\tGallbladderDissection"
    assert read_phase_annotations(tmp_path / "phase.txt", CHOLECYSTECTOMY)[1].tolist() == phase.tolist()
    assert (tmp_path / "tool.txt").read_text().startswith("Frame\tGrasper\tBipolar\tHook\tScissors\tClipper")
    read = read_tools(tmp_path / "tool.txt")
    assert read.frame_index.tolist() == [0, 25, 50, 75]
    assert np.array_equal(read.present, tools)
    more = (*CHOLEC80_TOOLS, "Stapler")
    cholec80.write_tools(tmp_path / "tool.txt", _drawn(4, 8), more)
    assert np.array_equal(read_tools(tmp_path / "tool.txt", more).present, _drawn(4, 8))
    with pytest.raises(InputError, match="not the header"):
        read_tools(tmp_path / "tool.txt")


def test_autolaparo_counts_seconds_and_classes_from_one(tmp_path: Path) -> None:
    autolaparo.write_phases(tmp_path / "label_01.txt", np.array([0, 0, 6]))
    assert (tmp_path / "label_01.txt").read_text() == "Frame\tPhase\n1\t1\n2\t1\n3\t7\n"


def test_cholect50_s_files_read_back(tmp_path: Path) -> None:
    triplets = _drawn(20, 100)
    cholect50.write_triplets(tmp_path, "VID01", triplets, CHOLECT50)
    read = read_triplets(tmp_path, "VID01")
    assert read.frame_index.tolist() == list(range(20))
    assert np.array_equal(read.triplet, triplets)
    for second in range(20):
        names = [CHOLECT50.triplets[number] for number in np.flatnonzero(triplets[second])]
        for part, (vocabulary, found) in enumerate(
            (
                (CHOLECT50.instruments, read.instrument),
                (CHOLECT50.verbs, read.verb),
                (CHOLECT50.targets, read.target),
            )
        ):
            assert {vocabulary[number] for number in np.flatnonzero(found[second])} == {
                n[part] for n in names
            }


def test_written_triplet_files_have_the_published_ones_form(tmp_path: Path, shared_data: Path) -> None:
    real = shared_data / "svl_sample/downstream_datasets/CholecT50-challenge-train"
    published = read_triplets(real, "VID73")
    cholect50.write_triplets(tmp_path, "VID73", published.triplet, CHOLECT50)
    for kind in ("triplet", "instrument", "verb", "target"):
        assert (tmp_path / kind / "VID73.txt").read_bytes() == (real / kind / "VID73.txt").read_bytes()


def test_the_maps_of_cholect50(tmp_path: Path) -> None:
    cholect50.write_triplets(tmp_path, "VID01", _drawn(2, 100), CHOLECT50)
    maps = np.genfromtxt(tmp_path / "dict" / "maps.txt", dtype=int, comments="#", delimiter=",")
    assert maps.shape == (100, 6)
    assert maps[1].tolist() == [1, 0, 2, 0, 2, 0]  # what CholecT45's own README gives as its example
    assert maps[99].tolist() == [99, 5, 9, 14, 59, 89]
    assert (tmp_path / "dict/triplet.txt").read_text().splitlines()[1] == "1:grasper,dissect,gallbladder"
    assert (tmp_path / "dict/verb.txt").read_text().splitlines()[9] == "9:null_verb"


def test_another_operation_s_triplets(tmp_path: Path) -> None:
    vocabulary = vocabulary_of([("hook", "cut", "uterus"), ("grasper", "retract", "uterus")])
    triplets = _drawn(9, len(vocabulary.triplets))
    cholect50.write_triplets(tmp_path, "VID12", triplets, vocabulary)
    assert np.array_equal(read_triplets(tmp_path, "VID12", vocabulary).triplet, triplets)


def test_frames_under_cholect50_s_names_are_the_same_files(tmp_path: Path) -> None:
    frames = [tmp_path / f"lecture_{second}.png" for second in range(3)]
    for number, frame in enumerate(frames):
        frame.write_text(str(number))
    folder = tmp_path / "data" / "VID01"
    for count in (3, 2):  # the second time of a shorter lecture
        cholect50.link_frames(folder, frames[:count])
        assert sorted(path.name for path in folder.iterdir()) == [f"{n:06d}.png" for n in range(count)]
    assert (folder / "000001.png").samefile(frames[1])


def test_masks_of_cholecseg8k(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    ids = generator.integers(0, 13, (12, 20), dtype=np.uint8)
    picture = generator.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    cholecseg8k.write_masks(tmp_path, "video01", 165, picture, ids)
    folder = tmp_path / "video01" / "video01_00160"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"frame_165_{kind}.png" for kind in ("endo", "endo_color_mask", "endo_mask", "endo_watershed_mask")
    ]
    assert np.array_equal(read_mask(folder / "frame_165_endo_watershed_mask.png"), ids)
    assert np.array_equal(read_image(folder / "frame_165_endo.png"), picture)
    colours = read_image(folder / "frame_165_endo_color_mask.png")
    for number, each in enumerate(CHOLECSEG8K):
        assert np.array_equal((colours == each.colour).all(axis=2), ids == number)


def test_critical_view_in_endoscapes_columns(tmp_path: Path) -> None:
    met = np.zeros((12, 3), bool)
    met[3:, critical_view.TWO_STRUCTURES] = met[6:, critical_view.TRIANGLE] = True
    met[11, critical_view.CYSTIC_PLATE] = True
    critical_view.write_endoscapes(tmp_path / "all_metadata.csv", 4, met)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "all_metadata.csv").read_text())))
    assert [int(row["frame"]) for row in rows] == list(range(0, 300, 25))
    assert {row["vid"] for row in rows} == {"4"}
    assert [row["is_ds_keyframe"] for row in rows] == [str(second % 5 == 0) for second in range(12)]
    # the order of Endoscapes: two structures, triangle, plate; between keyframes their last grade stands
    assert [json.loads(rows[second]["avg_cvs"]) for second in (4, 5, 10, 11)] == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 0],
    ]
    assert [float(rows[10][f"C{number}"]) for number in (1, 2, 3)] == [1, 1, 0]
    assert json.loads(rows[10]["cvs_annotator_2"]) == [1, 1, 0] and rows[11]["cvs_annotator_2"] == ""


def test_critical_view_in_cholec80_cvs_spans(tmp_path: Path) -> None:
    met = np.zeros((130, 3), bool)
    met[58:, critical_view.TWO_STRUCTURES] = met[70:100, critical_view.CYSTIC_PLATE] = True
    critical_view.write_cholec80_cvs(tmp_path / "cvs.csv", 4, met)
    lines = (tmp_path / "cvs.csv").read_text().splitlines()
    assert lines[0].startswith("video,critical_view,initial_minute,initial_second,final_minute,final_second")
    assert lines[1:] == [
        "4,1,0,58,1,9,2,0,0,2",
        "4,2,1,10,1,39,2,2,0,4",
        "4,3,1,40,2,9,2,0,0,2",
    ]


def test_boxes_as_coco_and_as_surg3m(tmp_path: Path) -> None:
    boxes: list[list[Box]] = [
        [],
        [("logo", 2, 3, 10, 5)],
        [("inset", 0, 0, 40, 30), ("text", 1, 1, 8, 3)],
    ]
    files = [f"v_{second}.png" for second in range(3)]
    overlays.write_coco(tmp_path / "coco.json", files, (90, 160), boxes)
    content = json.loads((tmp_path / "coco.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert [image["file_name"] for image in content["images"]] == files
    found = [(a["image_id"], names[a["category_id"]], a["bbox"], a["area"]) for a in content["annotations"]]
    assert found == [
        (1, "logo", [2, 3, 10, 5], 50),
        (2, "inset", [0, 0, 40, 30], 1200),
        (2, "text", [1, 1, 8, 3], 24),
    ]
    assert [a["id"] for a in content["annotations"]] == [1, 2, 3]

    overlays.write_surg3m_frames(tmp_path / "v.json", "v", np.array([True, True, False]), boxes)
    assert json.loads((tmp_path / "v.json").read_text()) == {
        "v-0": {"class": "surgical", "boxes": None},
        "v-1": {"class": "surgical", "boxes": [[2, 3, 12, 8]]},
        "v-2": {"class": "non-surgical", "boxes": None},
    }


def test_a_lecture_s_old_labels_go_and_those_of_others_stay(tmp_path: Path) -> None:
    names = (
        "downstream_datasets/{made}/csvs/{lecture}.csv",
        "downstream_datasets/{made}/frames/{lecture}_7.png",
        "downstream_datasets/{made}/frames/.{lecture}_8.png.4321.partial",
        "downstream_datasets/{made}/cholec80/tool_annotations/video{number:02d}-tool.txt",
        "downstream_datasets/{made}/cholec80/videos/video{number:02d}.mp4",
        "downstream_datasets/{made}/cholect50/data/VID{number:02d}/000003.png",
        "downstream_datasets/{made}/cholect50/verb/.VID{number:02d}.txt.99.partial",
        "downstream_datasets/{made}/cholecseg8k/video{number:02d}/video{number:02d}_00080/frame_80_endo.png",
        "downstream_datasets/{made}/autolaparo/labels/label_{number:02d}.txt",
        "downstream_datasets/{made}/endoscapes/all/{number}_250.jpg",
        "downstream_datasets/{made}/endoscapes/videos/{number}.csv",
        "keystep_texts/{lecture}.csv",
        "surg3m/annotations/{lecture}.json",
        "overlays/{lecture}.json",
    )
    numbers = (1, 2, 10, 11, 12, 100, 101)
    files = {
        tmp_path / name.format(made=made, lecture=f"lecture_{number - 1:04d}", number=number): number
        for number in numbers
        for made in ("made", "made_hysterectomy")
        for name in names
    }
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    remove_labels(DataTree(tmp_path), "lecture_0009", 10)
    assert {number for file, number in files.items() if not file.exists()} == {10}
    assert {number for file, number in files.items() if file.exists()} == set(numbers) - {10}
