"""What is known of a lecture beside what is said in it: title, tags and chapter marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from surgvlp import config
from surgvlp.files import InputError, one_line, read_json
from surgvlp.lectures.texts import Caption, is_blank
from surgvlp.lectures.tree import DataTree

LONGEST = 300  # letters of a title or a tag
MOST = 200  # tags, or chapters


@dataclass(frozen=True)
class Chapter:
    """A chapter mark, as lecturers put them under their videos.

    Attributes:
        start: seconds from the start of the video, >= 0.
        title: of what follows, up to the next mark.
    """

    start: float
    title: str


@dataclass(frozen=True)
class LectureMetadata:
    """The content of `metadata/<id>.json`; each key may be missing.

    Attributes:
        title: of the lecture.
        tags: as the publisher gave them.
        chapters: in the order of their starts.
    """

    title: str = ""
    tags: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()

    def with_abstract(self, text: str) -> str:
        """An abstract in the form of the published files: "Video tag: a;b. Title: c. Abstract: d"."""
        parts = [f"Video tag: {';'.join(self.tags)}."] if self.tags else []
        parts += [f"Title: {self.title.rstrip('.')}."] if self.title else []
        return " ".join([*parts, "Abstract:", text]) if parts else text

    def chapters_of(self, narrations: Sequence[Caption]) -> list[tuple[int, str]]:
        """The first sentence and the title of each chapter in which something is said.

        A sentence belongs to the chapter in which its middle lies. The first entry is always sentence 0, its
        title "" where it comes before the first mark.
        """
        middles = [(row.start + row.end) / 2 for row in narrations]
        found = {0: ""}
        for chapter in self.chapters:
            first = next((row for row, middle in enumerate(middles) if middle >= chapter.start), None)
            if first is not None:
                found[first] = chapter.title  # of marks without a sentence between them the last one counts
        return sorted(found.items())


UNKNOWN = LectureMetadata()


def read_metadata(tree: DataTree, lecture: str) -> LectureMetadata:
    """Read `metadata/<id>.json`; `UNKNOWN` where there is no such file.

    ::

        {"title": "Laparoscopic appendectomy", "tags": ["Appendix"],
         "chapters": [{"start": 0, "title": "Case"}, {"start": 31.5, "title": "Trocars"}]}

    Raises:
        InputError: it is no such file: an unknown key, an empty or endless text, marks that run backwards.
    """
    path = tree.metadata(lecture)
    if not path.is_file():
        return UNKNOWN
    values = read_json(path)
    try:
        found = config.build(LectureMetadata, values, "metadata")
        _check(found)
    except InputError as error:
        raise InputError(str(error), file=path) from error
    return LectureMetadata(
        one_line(found.title),
        tuple(one_line(tag) for tag in found.tags),
        tuple(Chapter(chapter.start, one_line(chapter.title)) for chapter in found.chapters),
    )


def _check(metadata: LectureMetadata) -> None:
    if max(len(metadata.tags), len(metadata.chapters)) > MOST:
        raise InputError(f"more than {MOST} tags or chapters", key="metadata")
    texts = [*metadata.tags, *(chapter.title for chapter in metadata.chapters)]
    if any(is_blank(text) for text in texts):
        raise InputError("a tag or a chapter's title is empty", key="metadata")
    if any(len(text) > LONGEST for text in [metadata.title, *texts]):
        raise InputError(f"a title or a tag has more than {LONGEST} letters", key="metadata")
    starts = [0.0, *(chapter.start for chapter in metadata.chapters)]
    if not all(0 <= start < float("inf") for start in starts):
        raise InputError("a mark must be at 0 s or later", key="metadata.chapters")
    if any(one > other for one, other in pairwise(starts)):
        raise InputError("the marks run backwards", key="metadata.chapters", remedy="Sort them by start")
