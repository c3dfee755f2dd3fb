"""Made corpora on disk: the layout, the labels, repeatability, resuming, and bad input."""

from __future__ import annotations

import csv
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_corpus import ARGUMENTS
from small_disk import run_on_small_disk

from surgvlp import console
from surgvlp.files import read_json
from surgvlp.lectures import DataTree, read_captions, read_prompts
from surgvlp.lectures.critical_view import read_cholec80_cvs, read_endoscapes, read_endoscapes_split
from surgvlp.lectures.labels import CHOLECYSTECTOMY
from surgvlp.lectures.masks import read_mask
from surgvlp.lectures.presence import CHOLEC80_TOOLS, read_phase_annotations, read_tools, read_triplets
from surgvlp.lectures.triplets import CHOLECT50
from surgvlp.media.decode import decode
from surgvlp.media.images import read_image
from surgvlp.media.probe import probe
from surgvlp.synthesis.corpus import is_test, make_corpus
from surgvlp.synthesis.labels.writing import Labels
from surgvlp.synthesis.lecture import draw_lecture, lecture_id
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.pictures.classes import FOLDED

TOOL = Path(__file__).parents[2] / "tools" / "synthesize_lectures.py"
PROMPTS = PROCEDURES["cholecystectomy"].prompts
# Files about all lectures together, which say how many there are.
SHARED = {"labels.json", "split.json", "all_metadata.csv", "surgeons_annotations.csv", "corpus.json"}
FLAGS = ["--seed", "7", "--height", "96", "--fps", "4", "--seconds", "80", "--difficulty", "easy"]


def _files(root: Path, *, shared: bool = True) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and (shared or not (path.name in SHARED or _of_a_split(path)))
    }


def _of_a_split(path: Path) -> bool:
    return path.stem.startswith(("train", "test")) or path.parent.name in ("train", "test")


def _times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (root / "videos").glob("*.mp4")}


def test_the_layout_is_the_data_tree_s(corpus: Path) -> None:
    tree = DataTree(corpus)
    assert tree.videos() == [lecture_id(number) for number in range(3)]
    assert tree.split("train") == [lecture_id(0), lecture_id(1)]
    assert tree.split("test") == [lecture_id(2)]
    assert len({tuple(read_prompts(tree.prompts(name), 7)) for name in PROMPTS}) == len(PROMPTS)
    record = read_json(corpus / "corpus.json")
    assert record["arguments"]["seed"] == 7 and record["arguments"]["count"] == 3
    assert record["classes"] == {"cholecystectomy": list(CHOLECYSTECTOMY)}
    for lecture in tree.videos():
        info = probe(tree.video(lecture))
        assert (info.height, info.width, info.fps, info.has_audio) == (96, 170, 4, True)
        assert abs(info.duration_s - record["lectures"][lecture]["seconds"]) < 0.3
        assert read_captions(tree.script(lecture))
    assert not [path for path in corpus.rglob("*") if "partial" in path.name]


def test_labels_and_frames_are_those_of_the_encoded_video_at_one_a_second(corpus: Path) -> None:
    tree = DataTree(corpus)
    dataset = tree.downstream("made")
    assert dataset.videos() == tree.videos()
    for number, lecture in enumerate(tree.videos()):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        frames = dataset.frames(lecture)
        seconds = np.arange(len(frames.paths))
        assert frames.frame_index.tolist() == seconds.tolist()
        assert [path.name for path in frames.paths] == [f"{lecture}_{second}.png" for second in seconds]
        assert 0 <= len(seconds) - procedure.duration < 1
        assert frames.label.tolist() == procedure.phases_at(seconds).tolist()
        assert set(frames.label.tolist()) == set(range(7))
        some = seconds[:: len(seconds) // 6]
        expected, _ = decode(tree.video(lecture), some)
        assert np.array_equal(expected, np.stack([read_image(frames.paths[second]) for second in some]))


def test_tools_and_triplets_read_as_the_real_data_sets_do(corpus: Path) -> None:
    made = corpus / "downstream_datasets" / "made"
    for number, lecture in enumerate(DataTree(corpus).videos()):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        tools = read_tools(made / "cholec80/tool_annotations" / f"video{number + 1:02d}-tool.txt")
        triplets = read_triplets(made / "cholect50", f"VID{number + 1:02d}")
        frames, phases = read_phase_annotations(
            made / "cholec80/phase_annotations" / f"video{number + 1:02d}-phase.txt", CHOLECYSTECTOMY
        )
        seconds = len(triplets.frame_index)
        assert 0 <= seconds - procedure.duration < 1
        assert frames.tolist() == list(range(25 * seconds))
        assert tools.frame_index.tolist() == frames[::25].tolist()
        for second in range(0, seconds, 5):
            assert phases[25 * second] == procedure.phases_at([second])[0]
            names = {CHOLEC80_TOOLS[column].lower() for column in np.flatnonzero(tools.present[second])}
            assert names == {name.replace("_", "") for name in procedure.tools_at(second)}
            found = [CHOLECT50.triplets[column] for column in np.flatnonzero(triplets.triplet[second])]
            assert found == procedure.triplets_at(second)
        assert (made / f"cholec80/videos/video{number + 1:02d}.mp4").samefile(DataTree(corpus).video(lecture))
        picture = made / "cholect50/data" / f"VID{number + 1:02d}" / f"{seconds - 1:06d}.png"
        assert picture.samefile(made / "frames" / f"{lecture}_{seconds - 1}.png")


def test_keysteps_and_abstracts_read_as_captions(corpus: Path) -> None:
    tree = DataTree(corpus)
    for number, lecture in enumerate(tree.videos()):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        steps = read_captions(tree.texts("keystep", lecture))
        assert (steps[0].start, steps[-1].end) == (0, pytest.approx(procedure.duration, abs=1e-3))
        assert len(steps) >= 7 and all(step.step and step.text for step in steps)
        (abstract,) = read_captions(tree.texts("abstract", lecture))
        tags = "Video tag: Laparoscopic;Cholecystectomy. Title: Laparoscopic cholecystectomy. Abstract: "
        assert abstract.text.startswith(tags) and len(abstract.text) > len(tags) + 100


def test_critical_view_until_the_first_clip(corpus: Path) -> None:
    made = corpus / "downstream_datasets" / "made"
    with (made / "endoscapes/all_metadata.csv").open() as table:
        rows = list(csv.DictReader(table))
    for number in range(3):
        procedure = draw_lecture(ARGUMENTS, number).procedure
        own = [row for row in rows if row["vid"] == str(number + 1)]
        assert [int(row["frame"]) for row in own] == [
            25 * second for second in range(int(np.ceil(procedure.critical_view_ends)))
        ]
        for row in own[::5]:
            structures, plate, triangle = procedure.critical_view_at(int(row["frame"]) / 25)
            assert [float(row[name]) for name in ("C1", "C2", "C3")] == [structures, triangle, plate]
    graded = read_endoscapes(made / "endoscapes/all_metadata.csv")
    assert list(graded) == [1, 2, 3]
    met = graded[3].met[
        graded[3].keyframe
    ]  # ours: two structures, plate, triangle; Endoscapes': triangle second
    seen = [procedure.critical_view_at(5 * number).tolist() for number in range(len(met))]
    assert met[:, [0, 2, 1]].tolist() == seen
    assert (made / "endoscapes/test_vids.txt").read_text().split() == ["3.000000000000000000e+00"]
    assert read_endoscapes_split(made / "endoscapes/train_vids.txt") == [1, 2]
    split = {1: "train", 2: "train", 3: "test"}
    named = [made / f"endoscapes/{split[int(row['vid'])]}/{row['vid']}_{row['frame']}.jpg" for row in rows]
    assert sorted(made.glob("endoscapes/t*/*.jpg")) == sorted(named)
    shown, _ = decode(corpus / "videos" / f"{lecture_id(2)}.mp4", np.array([4.0]))
    assert np.abs(read_image(made / "endoscapes/test/3_100.jpg").astype(int) - shown[0]).mean() < 3
    with (made / "cholec80_cvs/surgeons_annotations.csv").open() as table:
        spans = list(csv.DictReader(table))
    assert {row["video"] for row in spans} <= {"1", "2", "3"} and spans
    assert {row["two_structures"] for row in spans} <= {"0", "2"}
    for video, found in read_cholec80_cvs(made / "cholec80_cvs/surgeons_annotations.csv").items():
        own, seconds = graded[video], graded[video].frame_index / 25
        for span in found:
            inside = own.met[(seconds >= span.start_s) & (seconds <= span.end_s) & own.keyframe]
            assert np.array_equal(inside, np.broadcast_to(np.array(span.scores) == 2, inside.shape))


def test_the_manifest_has_surg3m_s_keys(corpus: Path, shared_data: Path) -> None:
    published = read_json(shared_data / "surg3m/labels.json")[0]
    for entry in read_json(corpus / "surg3m/labels.json"):
        assert {key: type(value) for key, value in entry.items()} == {
            key: type(value) for key, value in published.items()
        }
        video = corpus / "videos" / f"{entry['youtubeId']}.mp4"
        assert entry["md5"] == hashlib.md5(video.read_bytes()).hexdigest()
        assert (entry["procedureName"], entry["resolution"]) == (["cholecystectomy"], [170, 96])
    assert read_json(corpus / "surg3m/split.json") == {"validation": [], "testing": [lecture_id(2)]}
    assert read_json(shared_data / "surg3m/split.json").keys() == {"validation", "testing"}


def test_encoded_frames_are_the_rendered_ones(corpus: Path) -> None:
    film = draw_lecture(ARGUMENTS, 1).film
    shown, _ = decode(DataTree(corpus).video(lecture_id(1)), np.arange(0, 60, 7))
    for second, frame in zip(range(0, 60, 7), shown, strict=True):
        own = np.abs(frame.astype(int) - film.frame(4 * second)).mean()
        assert own < 6
        assert own < 0.5 * np.abs(frame.astype(int) - film.frame(4 * second + 40)).mean()


def test_same_seed_same_bytes_whatever_the_count_and_the_jobs(corpus: Path, tmp_path: Path) -> None:
    make_corpus(ARGUMENTS, tmp_path, count=2, test_share=0.5, jobs=1)
    wanted = _files(corpus, shared=False)
    third = (lecture_id(2), "video03", "VID03", "/3.csv", "/3_")
    assert _files(tmp_path, shared=False) == {
        name: content for name, content in wanted.items() if not any(part in name for part in third)
    }
    assert DataTree(tmp_path).split("test") == [lecture_id(1)]


def test_splits_grow_with_the_count() -> None:
    assert [number for number in range(9) if is_test(number, 1 / 3)] == [2, 5, 8]
    assert sum(is_test(number, 0.25) for number in range(40)) == 10
    assert not any(is_test(number, 0) for number in range(40))


def test_more_labels_later_leave_the_videos_as_they_are(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "made"
    shutil.copytree(corpus, root)
    tree, lecture = DataTree(root), lecture_id(0)
    tree.write_status(lecture, "labels", {**tree.read_status(lecture)["labels"], "kinds": ["tools"]})
    tree.texts("keystep", lecture).unlink()
    before = _times(root)
    for kinds, outcome in ((("tools",), "reused"), (("tools", "texts"), "made"), (("texts",), "reused")):
        done = make_corpus(ARGUMENTS, root, 1, test_share=0, jobs=1, labels=Labels(kinds))
        assert done[outcome] == [lecture]
    assert _times(root) == before
    assert read_captions(tree.texts("keystep", lecture)) == read_captions(
        DataTree(corpus).texts("keystep", lecture)
    )
    frames = root / "downstream_datasets" / "made" / "frames"
    assert not list(frames.glob(f"{lecture}_*"))  # not asked for any more; those of the others stay
    assert list(frames.glob(f"{lecture_id(1)}_*"))


def test_masks_read_as_cholecseg8k_s_do(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "made"
    shutil.copytree(corpus, root)
    make_corpus(ARGUMENTS, root, 1, test_share=0, jobs=1, labels=Labels(("masks",), masks_every=100))
    folder = root / "downstream_datasets" / "made" / "cholecseg8k"
    film = draw_lecture(ARGUMENTS, 0).film
    numbers = list(range(0, len(film), 100))
    assert len(list(folder.rglob("*.png"))) == 4 * len(numbers)
    shown, _ = decode(DataTree(root).video(lecture_id(0)), np.array(numbers) / ARGUMENTS.fps)
    for number, picture in zip(numbers, shown, strict=True):
        stem = folder / "video01" / f"video01_{number // 80 * 80:05d}" / f"frame_{number}_endo"
        mask = read_mask(stem.with_name(f"{stem.name}_watershed_mask.png"))
        assert np.array_equal(mask, np.array(FOLDED)[film.mask(number)])
        assert np.array_equal(read_image(stem.with_name(f"{stem.name}.png")), picture)


def test_cards_and_looks_outside_in_a_hard_hysterectomy(tmp_path: Path) -> None:
    arguments = replace(ARGUMENTS, seed=1, difficulty="hard", procedures="hysterectomy")
    make_corpus(arguments, tmp_path, 1, test_share=0, jobs=1)
    drawn, lecture = draw_lecture(arguments, 0), lecture_id(0)
    shown = [drawn.montage.kind_at(second) for second in range(int(np.ceil(drawn.procedure.duration)))]
    assert {"operation", "title", "outside"} <= set(shown) and drawn.form.variable
    labels = DataTree(tmp_path).downstream("made_hysterectomy").frames(lecture)
    cards = ("title", "drawing", "black")
    assert labels.frame_index.tolist() == [s for s, kind in enumerate(shown) if kind not in cards]
    assert labels.label.tolist() == drawn.procedure.phases_at(labels.frame_index).tolist()
    made = tmp_path / "downstream_datasets" / "made_hysterectomy"
    lines = (made / "autolaparo/labels/label_01.txt").read_text().splitlines()
    assert len(lines) == len(shown) + 1
    elsewhere = np.array([kind != "operation" for kind in shown])
    triplets = read_triplets(made / "cholect50", "VID01", drawn.procedure.type.triplets).triplet
    path = made / "cholec80/tool_annotations/video01-tool.txt"
    tools = read_tools(path, (*CHOLEC80_TOOLS, "NeedleDriver")).present
    assert tools[:, 7].any() and not triplets[elsewhere].any() and not tools[elsewhere].any()
    assert tools[~elsewhere].any(axis=1).mean() > 0.5
    frames = read_json(tmp_path / "surg3m/annotations" / f"{lecture}.json")
    assert [frame["class"] for frame in frames.values()] == [
        "non-surgical" if hidden else "surgical" for hidden in elsewhere
    ]
    boxes = read_json(tmp_path / "overlays" / f"{lecture}.json")
    height, width = boxes["images"][0]["height"], boxes["images"][0]["width"]
    assert boxes["annotations"]
    for annotation in boxes["annotations"]:
        left, top, wide, high = annotation["bbox"]
        assert 0 <= left < left + wide <= width and 0 <= top < top + high <= height
    (record,) = read_json(tmp_path / "surg3m/labels.json")
    assert record["resolution"] == [width, height] == [128, 96]
    assert (record["procedureName"], record["robotic"]) == (["hysterectomy"], True)
    info = probe(DataTree(tmp_path).video(lecture))
    assert abs(info.duration_s - drawn.procedure.duration) < 0.5
    picture = read_image(made / "frames" / f"{lecture}_0.png")
    assert picture.shape[:2] == (height, width)


def test_finished_lectures_are_reused_and_others_made_anew(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "made"
    shutil.copytree(corpus, root)
    before = _times(root)
    done = make_corpus(ARGUMENTS, root, count=3, test_share=1 / 3, jobs=2)
    assert (len(done["made"]), len(done["reused"])) == (0, 3)
    assert _times(root) == before

    DataTree(root).script(lecture_id(0)).unlink()
    (root / "downstream_datasets/made/csvs" / f"{lecture_id(1)}.csv").unlink()
    made = root / "downstream_datasets" / "made"
    (made / "frames" / f"{lecture_id(0)}_900.png").touch()  # of a longer one before
    (made / "cholec80/tool_annotations/.video01-tool.txt.77.partial").touch()  # of a killed process
    done = make_corpus(ARGUMENTS, root, count=3, test_share=1 / 3, jobs=2)
    assert done["made"] == [lecture_id(0), lecture_id(1)]
    assert _files(root) == _files(corpus)

    other = replace(ARGUMENTS, seed=8)
    done = make_corpus(other, root, count=1, test_share=0, jobs=1)
    assert done["made"] == [lecture_id(0)]
    assert (
        DataTree(root).script(lecture_id(0)).read_bytes()
        != DataTree(corpus).script(lecture_id(0)).read_bytes()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "begun"),
    [
        (signal.SIGKILL, "videos/.*"),
        (signal.SIGKILL, "downstream_datasets/made/cholect50/data/VID*"),
        (signal.SIGINT, "videos/.*"),
    ],
)
def test_stopped_half_way_and_run_again(
    corpus: Path, tmp_path: Path, stop: signal.Signals, begun: str
) -> None:
    command = [sys.executable, TOOL, "--count", "3", "--jobs", "2", "--out", tmp_path, *FLAGS]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # what a shell runs in the background ignores SIGINT, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob(begun)) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(stop)
    _, printed = process.communicate()
    if stop == signal.SIGINT:
        assert process.returncode == console.INTERRUPTED, printed
        assert "Traceback" not in printed
    whole = _files(corpus)
    for name, content in _files(tmp_path, shared=False).items():
        if "/." not in name and not name.startswith("status"):
            assert content == whole[name], name
    subprocess.run(command, check=True, capture_output=True)
    visible = {name: content for name, content in _files(tmp_path).items() if "/." not in name}
    assert visible == whole


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    tool = [sys.executable, TOOL, "--count", "1", "--out", tmp_path / "out", *FLAGS]
    done = run_on_small_disk(tmp_path, "300k", tool)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error:") and "the disk is full" in last
    assert "partial" not in done.stdout
    assert "corpus.json" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--seconds", "20"], "--seconds 20 is not between 75 and 14400"),
        (["--height", "8"], "--height 8 is not between 64 and 2160"),
        (["--fps", "nan"], "--fps nan is not between 1 and 120"),
        (["--seed", "-1"], "--seed -1 is not between 0"),
        (["--labels", "phases,tool"], "--labels: there is no kind 'tool'. Known: phases, tools,"),
        (["--masks-every", "0"], "--masks-every must be at least 1"),
        (["--difficulty", "harder"], "unknown difficulty 'harder'. Choose from easy, default, hard"),
        (["--procedures", "bypass"], "--procedures: there is no type 'bypass'. Known: cholecystectomy"),
        (["--count", "0"], "--count and --jobs must be at least 1"),
        (["--test-share", "1"], "--test-share 1 is not between 0 and 1"),
    ],
)
def test_impossible_flags_are_one_line(flags: list[str], complaint: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "--out", tmp_path / "out", *flags], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and complaint in done.stderr
    assert not (tmp_path / "out").exists()
