"""Whisper through CTranslate2: int8 on CPU, float16 on a GPU, pieces decoded in batches."""

from __future__ import annotations

import bisect
import ctypes
import os
from collections.abc import Sequence

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.transcribe import Segment

from surgvlp.files import InputError, usable_cores
from surgvlp.transcription.recogniser import Heard, Word, check_vocabulary, model_identity

RATE = 16000
GRID = 160  # samples in 10 ms: faster-whisper keeps the place of a clip in such steps

# Text that compresses better than this is a loop ("the the the"); the threshold is Whisper's own.
LOOP = 2.4


class FasterWhisper:
    """A `Recogniser` over faster-whisper's batched pipeline."""

    def __init__(self, path: str, name: str, beam_size: int, vocabulary: str, device: str, jobs: int) -> None:
        device = _device(device)
        compute_type = "int8" if device == "cpu" else "float16"
        try:
            self._model = WhisperModel(
                path,
                device=device,
                compute_type=compute_type,
                cpu_threads=max(1, usable_cores() // jobs),
                num_workers=jobs,
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise InputError(
                f"this speech model cannot be loaded ({error})",
                file=name,
                remedy="Without a model hub use package:tiny.en or a folder in CTranslate2 format",
            ) from error
        check_vocabulary(len(self._model.hf_tokenizer.encode(f" {vocabulary}", add_special_tokens=False).ids))
        # On CPU a batch is no faster than one piece after another; small ones keep the progress bar moving.
        self.batch_size = 4 if device == "cpu" else 16
        self._beam_size, self._vocabulary = beam_size, vocabulary
        self.settings: dict[str, object] = {
            "engine": "faster-whisper",
            "model": name
            if name.startswith("package:")
            else model_identity(name, os.path.join(path, "model.bin")),
            "beam_size": beam_size,
            "vocabulary": vocabulary,
            "device": device,
            "compute_type": compute_type,
        }

    def language(self, piece: np.ndarray) -> str:
        if not self._model.model.is_multilingual:
            return "en"
        return str(self._model.detect_language(piece)[0])

    def recognise(self, pieces: Sequence[np.ndarray], language: str) -> list[Heard]:
        words, loops = self._decode(pieces, language)
        for index in loops:  # decoded again with no four tokens said twice: deterministic, unlike sampling
            words[index] = self._decode([pieces[index]], language, no_repeat_ngram_size=4)[0][0]
        return [Heard(found, index in loops) for index, found in enumerate(words)]

    def _decode(
        self, pieces: Sequence[np.ndarray], language: str, no_repeat_ngram_size: int = 0
    ) -> tuple[list[list[Word]], set[int]]:
        """Words of each piece, and which pieces came out as a loop."""
        padded = [np.pad(piece, (0, -len(piece) % GRID)) for piece in pieces]
        ends_s = np.cumsum([len(piece) for piece in padded]) / RATE
        starts_s = [0.0, *ends_s[:-1].tolist()]
        # Sentences come from word times. Without time stamp tokens the batched decoder makes fewer errors
        # (benchmarks/transcription.md).
        segments, _ = BatchedInferencePipeline(self._model).transcribe(
            np.concatenate(padded),
            language=language,
            beam_size=self._beam_size,
            batch_size=self.batch_size,
            initial_prompt=self._vocabulary or None,
            no_repeat_ngram_size=no_repeat_ngram_size,
            vad_filter=False,
            clip_timestamps=[
                {"start": start, "end": end} for start, end in zip(starts_s, ends_s, strict=True)
            ],
            without_timestamps=True,
            word_timestamps=True,
        )
        words: list[list[Word]] = [[] for _ in pieces]
        loops: set[int] = set()
        for segment in segments:
            index = bisect.bisect(starts_s, segment.seek * GRID / RATE + 0.02) - 1
            words[index].extend(_words(segment, starts_s[index]))
            if segment.compression_ratio > LOOP:
                loops.add(index)
        return words, loops


def _words(segment: Segment, start_s: float) -> list[Word]:
    return [
        Word(word.word, word.start - start_s, word.end - start_s, float(word.probability))
        for word in segment.words or []
    ]


def _device(device: str) -> str:
    if device != "auto":
        return device
    if ctranslate2.get_cuda_device_count() == 0:
        return "cpu"
    try:  # CTranslate2 brings no cuBLAS of its own and fails in the middle of a job where there is none
        ctypes.CDLL("libcublas.so.12")
    except OSError:
        return "cpu"
    return "cuda"
