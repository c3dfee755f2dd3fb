"""Keysteps, abstracts and corrected narrations by a language model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from surgvlp.files import InputError
from surgvlp.lectures.metadata import UNKNOWN, LectureMetadata
from surgvlp.lectures.texts import Caption
from surgvlp.transcription.cleaning import clean_text
from surgvlp.transcription.language_model import questions
from surgvlp.transcription.language_model.answers import Step
from surgvlp.transcription.language_model.asking import Asker
from surgvlp.transcription.language_model.misheard import may_replace


class _ModelWriter:
    kind: str

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._room = asker.config.context_tokens - questions.ANSWER_TOKENS - questions.OVERHEAD_TOKENS
        self.settings: dict[str, Any] = {
            "writer": "language model",
            **asker.model.settings,
            "context_tokens": asker.config.context_tokens,
            "version": questions.VERSION,
        }

    def prepare(self) -> None:
        """Nothing: with all answers kept, no model is needed."""

    def report(self) -> str:
        """Answers, tokens, seconds and cost so far."""
        return str(self._asker)


class KeystepWriter(_ModelWriter):
    """Writes a lecture's keysteps: the model names the first and the last sentence of each, and describes it.

    A lecture with chapter marks is asked chapter by chapter, so that no keystep crosses a mark; what is too
    long for the model is asked in pieces, see `pieces`, and a keystep that goes on over such a cut under the
    same title is made one again.
    """

    kind = "keystep"

    def write(self, narrations: Sequence[Caption], about: LectureMetadata = UNKNOWN) -> list[Caption]:
        """Keysteps in order, without overlap, from a narration's start to the end of one."""
        texts = [row.text for row in narrations]
        chapters = about.chapters_of(narrations)
        ends = [first for first, _ in chapters[1:]] + [len(narrations)]
        steps: list[Step] = []
        for (begin, chapter), end in zip(chapters, ends, strict=True):
            parts = [
                _moved(self._asker.ask(questions.segment(texts[first:last], about, chapter)), first)
                for first, last in pieces(narrations, begin, end, self._room)
            ]
            steps += _joined(parts)
        descriptions = []
        for step in steps:
            heard = self._heard(texts[step.first : step.last + 1])
            descriptions.append(self._asker.ask(questions.describe(step.title, heard, about)))
        return timed(steps, descriptions, narrations)

    def _heard(self, texts: Sequence[str]) -> list[str]:
        """The first sentences of a keystep, as many as the model can read; nearly always all."""
        sizes = itertools.accumulate(questions.tokens_of(text) for text in texts)
        return [text for text, size in zip(texts, sizes, strict=True) if size <= self._room]


class AbstractWriter(_ModelWriter):
    """Writes a lecture's abstract; a lecture too long for the model is summarised in pieces, then as one."""

    kind = "abstract"

    def write(self, narrations: Sequence[Caption], about: LectureMetadata = UNKNOWN) -> list[Caption]:
        """One row, from the first narration's start to the last one's end."""
        rows = list(narrations)
        while len(parts := pieces(rows, 0, len(rows), self._room)) > 1:
            if len(parts) == len(rows):  # summaries as long as what they summarise
                raise InputError(
                    "the lecture does not get short enough for the language model",
                    remedy="Raise 'context_tokens' in the config block",
                )
            rows = [
                Caption(
                    rows[first].start,
                    rows[last - 1].end,
                    self._asker.ask(questions.summarise([row.text for row in rows[first:last]], about)),
                )
                for first, last in parts
            ]
        text = self._asker.ask(questions.summarise([row.text for row in rows], about))
        end = max(row.end for row in narrations)
        return [Caption(narrations[0].start, end, about.with_abstract(text))]


class NarrationCorrector(_ModelWriter):
    """Puts right what a recogniser misheard; times stay, and so does a sentence that would not be itself.

    Args:
        kind: of the narrations, "whisper_narration" or "aws_narration".

    Attributes:
        corrected, refused: sentences put right; ones that `may_replace` left as they were.
    """

    def __init__(self, asker: Asker, kind: str) -> None:
        super().__init__(asker)
        # what is corrected is written out again, with its number, and must fit into an answer
        self._room = min(self._room, questions.ANSWER_TOKENS * 2 // 3)
        self.kind, self.corrected, self.refused = kind, 0, 0

    def write(self, narrations: Sequence[Caption], about: LectureMetadata = UNKNOWN) -> list[Caption]:
        """The same captions, some with other texts, cleaned as all narrations are."""
        found = list(narrations)
        corrected = refused = 0
        for first, last in pieces(narrations, 0, len(narrations), self._room):
            texts = [row.text for row in narrations[first:last]]
            for number, raw in self._asker.ask(questions.correct(texts, about)).items():
                before, text = texts[number], clean_text(raw)
                if text == clean_text(before):
                    continue
                row = found[first + number]
                new = Caption(row.start, row.end, text, row.step)
                if may_replace(clean_text(before), text) and new not in found:
                    found[first + number] = new
                    corrected += 1
                else:
                    refused += 1
        self.corrected, self.refused = self.corrected + corrected, self.refused + refused
        return found

    def report(self) -> str:
        """Sentences, and as for the other writers."""
        return f"{self.corrected} sentences corrected, {self.refused} corrections refused\n{super().report()}"


def pieces(narrations: Sequence[Caption], begin: int, end: int, room: int) -> list[tuple[int, int]]:
    """Cut sentences into consecutive pieces of at most `room` tokens, at the longest pauses.

    Too long a piece is cut in two where, in the middle third of its tokens, the pause is longest; and again.

    Args:
        narrations: in the order of their starts.
        begin, end: the sentences in question, `end` not among them.
        room: tokens by `questions.tokens_of`; a sentence that needs more is a piece alone.

    Returns:
        (first, behind the last) of each.
    """
    sizes = [questions.tokens_of(row.text) for row in narrations[begin:end]]
    if sum(sizes) <= room or len(sizes) == 1:
        return [(begin, end)]
    before = list(itertools.accumulate(sizes, initial=0))
    third = before[-1] / 3
    middle = [begin + cut for cut in range(1, len(sizes)) if third <= before[cut] <= 2 * third]
    # one sentence may be longer than the middle third; then the cut is the one nearest to the middle
    places = middle or [begin + min(range(1, len(sizes)), key=lambda cut: abs(before[cut] - 1.5 * third))]
    cut = max(places, key=lambda place: narrations[place].start - narrations[place - 1].end)
    return [*pieces(narrations, begin, cut, room), *pieces(narrations, cut, end, room)]


def timed(steps: Sequence[Step], descriptions: Sequence[str], narrations: Sequence[Caption]) -> list[Caption]:
    """Keysteps with times: from its first sentence's start to its last one's end, or to the next keystep."""
    found = []
    for number, (step, text) in enumerate(zip(steps, descriptions, strict=True)):
        end = max(row.end for row in narrations[step.first : step.last + 1])
        if number + 1 < len(steps):
            end = min(end, narrations[steps[number + 1].first].start)
        found.append(Caption(narrations[step.first].start, end, text, step.title))
    return found


def _moved(steps: list[Step], by: int) -> list[Step]:
    return [Step(step.first + by, step.last + by, step.title) for step in steps]


def _joined(parts: Sequence[list[Step]]) -> list[Step]:
    found = parts[0]
    for part in parts[1:]:
        if found[-1].title.lower() == part[0].title.lower():
            found[-1] = Step(found[-1].first, part.pop(0).last, found[-1].title)
        found = found + part
    return found
