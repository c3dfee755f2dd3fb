"""From words to sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from surgvlp.transcription.recogniser import Word
from surgvlp.transcription.sentences import LONGEST_S, sentences


def _words(*timed: tuple[str, float, float]) -> list[Word]:
    return [Word(word, start, end, 0.9) for word, start, end in timed]


def test_cut_after_full_stops_and_at_pauses() -> None:
    words = _words(
        (" We", 0.0, 0.2),
        (" cut.", 0.2, 0.6),
        (" Is", 0.7, 0.8),
        (" it?", 0.8, 1.0),
        (" about", 1.1, 1.2),
        (" 3", 1.2, 1.3),
        (".5", 1.3, 1.4),
        (" approx.", 1.4, 1.5),
        (" now", 1.5, 1.6),
        (" then", 2.7, 2.8),
    )
    found = list(sentences(words))
    assert [segment.text for segment in found] == ["We cut.", "Is it? about 3.5 approx. now", "then"]
    assert [(segment.start, segment.end) for segment in found] == [(0.0, 0.6), (0.7, 1.6), (2.7, 2.8)]


def test_a_last_word_that_slipped_behind_the_pause_comes_back() -> None:
    words = _words((" the", 0.0, 0.2), (" liver.", 2.6, 2.6), (" Now", 3.0, 3.2), (" here", 5.0, 5.3))
    assert [segment.text for segment in sentences(words)] == ["the liver.", "Now", "here"]


def test_a_long_breath_is_cut_at_its_longest_pause() -> None:
    words = _words(*((f" w{index}", index * 1.0, index * 1.0 + 0.9) for index in range(25)))
    words[10] = Word(" w10", 10.4, 10.9, 0.9)
    found = list(sentences(words))
    assert [segment.words[0].word for segment in found] == [" w0", " w10"]


_TIMED = st.lists(
    st.tuples(st.sampled_from([" a", " B.", "-c", " D!", " 5", "."]), st.floats(0, 3), st.floats(0, 2)),
    max_size=40,
)


@given(_TIMED)
def test_no_word_is_lost_and_times_are_in_order(steps: list[tuple[str, float, float]]) -> None:
    words, now = [], 0.0
    for text, pause, length in steps:
        words.append(Word(text, now + pause, now + pause + length, 1.0))
        now += pause + length
    found = list(sentences(words))
    assert [word for segment in found for word in segment.words] == words
    for segment in found:
        assert segment.text == "".join(word.word for word in segment.words).strip()
        assert segment.start == segment.words[0].start <= segment.end
        assert segment.end - segment.start <= LONGEST_S or len(segment.words) == 1
    starts = [segment.start for segment in found]
    assert starts == sorted(starts)
