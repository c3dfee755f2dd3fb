"""Where everything about a lecture lies. The names are the published ones, so that existing data drops in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from surgvlp.files import InputError, checked_id, read_json, write_json, write_text
from surgvlp.lectures.labels import PhaseDataset, phase_dataset
from surgvlp.lectures.tables import read_rows
from surgvlp.media.store import SUFFIX

KINDS = ("whisper_narration", "aws_narration", "keystep", "abstract")


class DataTree:
    """The data tree below one root; a lecture is known by its id, and every file of it is named by that id.

    ::

        videos/<id>.mp4
        whisper_narration_texts/<id>.csv     start,end,text   cleaned; aws_narration_texts/ alike
        whisper_narration_texts/raw/<id>.csv                  as recognised
        whisper_narration_texts/words/<id>.json               word, start, end, probability
        whisper_narration_texts/uncorrected/<id>.csv          before a language model corrected it
        keystep_texts/<id>.csv               start,end[,step],text
        abstract_texts/<id>.csv              start,end,text
        scripts/<id>.csv                     start,end,text   what a made narrator really said
        metadata/<id>.json                   title, tags and chapter marks, where they are known
        language_model_answers/<sha256>.json what a language model answered; may be deleted
        splits/<name>.csv                    video_path
        prompts/<name>.txt                   line i = class i
        downstream_datasets/<name>/          csvs/<video>.csv (path,label from 1), frames/
        status/<id>.json                     what each step did to this lecture
        manifest.jsonl                       all of status/, one lecture a line
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def video(self, lecture: str) -> Path:
        """Path of a lecture's video."""
        return self.root / "videos" / f"{checked_id(lecture)}.mp4"

    def pictures(self, lecture: str, folder: Path | None = None) -> Path:
        """Path of a lecture's frame store, or of its video where there is no store, be that there or not.

        Args:
            folder: where both lie; None: `frame_store/` and `videos/` of the tree.
        """
        store = (folder or self.root / "frame_store") / f"{checked_id(lecture)}{SUFFIX}"
        if store.exists():
            return store
        return folder / f"{lecture}.mp4" if folder else self.video(lecture)

    def videos(self) -> list[str]:
        """Ids of all lectures that have a video, sorted."""
        folder = self.root / "videos"
        return sorted(
            checked_id(path.stem, file=path) for path in folder.glob("*.mp4") if path.name[0] != "."
        )

    def texts(self, kind: str, lecture: str) -> Path:
        """Path of a lecture's texts of one of `KINDS`."""
        return self._texts_folder(kind) / f"{checked_id(lecture)}.csv"

    def raw(self, kind: str, lecture: str) -> Path:
        """Path of a lecture's texts before cleaning."""
        return self._texts_folder(kind) / "raw" / f"{checked_id(lecture)}.csv"

    def words(self, kind: str, lecture: str) -> Path:
        """Path of a lecture's recognised words with their times and probabilities."""
        return self._texts_folder(kind) / "words" / f"{checked_id(lecture)}.json"

    def uncorrected(self, kind: str, lecture: str) -> Path:
        """Path of a lecture's narrations as they were before a language model corrected them."""
        return self._texts_folder(kind) / "uncorrected" / f"{checked_id(lecture)}.csv"

    def metadata(self, lecture: str) -> Path:
        """Path of a lecture's title, tags and chapter marks, see `surgvlp.lectures.metadata`."""
        return self.root / "metadata" / f"{checked_id(lecture)}.json"

    def language_model_answers(self) -> Path:
        """Folder of what a language model answered, by the sha256 of the question."""
        return self.root / "language_model_answers"

    def script(self, lecture: str) -> Path:
        """Path of what the narrator of a made lecture really said."""
        return self.root / "scripts" / f"{checked_id(lecture)}.csv"

    def prompts(self, name: str) -> Path:
        """Path of a prompt file."""
        return self.root / "prompts" / f"{checked_id(name)}.txt"

    def downstream(self, name: str, compat: str | None = None) -> PhaseDataset:
        """A labelled data set, see `phase_dataset`."""
        return phase_dataset(checked_id(name), self.root / "downstream_datasets" / name, compat)

    def split(self, name: str) -> list[str]:
        """Lecture ids of `splits/<name>.csv`, see `read_split`."""
        return read_split(self.root / "splits" / f"{checked_id(name)}.csv")

    def read_status(self, lecture: str) -> dict[str, dict[str, Any]]:
        """What was recorded for a lecture: {step: record}, empty if nothing was."""
        path = self._status(lecture)
        if not path.is_file():
            return {}
        status = read_json(path)
        steps = status.get("steps") if isinstance(status, dict) else None
        if not isinstance(steps, dict) or not all(isinstance(record, dict) for record in steps.values()):
            raise InputError("not a status file", file=path, remedy="Delete it; the steps then run again")
        return steps

    def write_status(self, lecture: str, step: str, record: dict[str, Any]) -> None:
        """Record what `step` did to a lecture, in place of what that step recorded before.

        One file a lecture, so that jobs that work on different lectures never write the same file.
        """
        steps = {**self.read_status(lecture), step: record}
        write_json(self._status(lecture), {"id": lecture, "steps": dict(sorted(steps.items()))})

    def merge_manifest(self) -> Path:
        """Write `manifest.jsonl`, one line a lecture in the order of ids, from `status/`; return its path."""
        lectures = sorted(
            checked_id(path.stem, file=path) for path in (self.root / "status").glob("[!.]*.json")
        )
        lines = [
            json.dumps({"id": lecture, "steps": self.read_status(lecture)}, ensure_ascii=False)
            for lecture in lectures
        ]
        target = self.root / "manifest.jsonl"
        write_text(target, "".join(line + "\n" for line in lines))
        return target

    def _texts_folder(self, kind: str) -> Path:
        if kind not in KINDS:
            raise InputError(f"'{kind}' is no kind of text", remedy=f"Known kinds: {', '.join(KINDS)}")
        return self.root / f"{kind}_texts"

    def _status(self, lecture: str) -> Path:
        return self.root / "status" / f"{checked_id(lecture)}.json"


def read_split(path: str | Path) -> list[str]:
    """Lecture ids of a split file, column `video_path` (`<id>.mp4` or `<id>`), in its order.

    Raises:
        InputError: naming file and row, for an empty cell, an id that is none (a path, for example), or one
            that stands there twice.
    """
    seen: dict[str, int] = {}
    for row, cells in read_rows(path, ("video_path",)):
        cell = cells["video_path"]
        if cell.lower() in ("", "nan"):
            raise InputError("empty or NaN", file=path, row=row, key="video_path", remedy="Delete the row")
        lecture = checked_id(cell.removesuffix(".mp4"), file=path, row=row)
        if lecture in seen:
            raise InputError(
                f"'{lecture}' stands in row {seen[lecture]} already",
                file=path,
                row=row,
                key="video_path",
                remedy="Delete one of them",
            )
        seen[lecture] = row
    return list(seen)
