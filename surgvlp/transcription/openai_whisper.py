"""Whisper as OpenAI publishes it, in PyTorch."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper

from surgvlp.files import InputError
from surgvlp.transcription.recogniser import Heard, Word, check_vocabulary, model_identity

# Text that compresses better than this is a loop ("the the the"); the threshold is Whisper's own. Only then
# is a piece decoded again by sampling. Whisper itself does that for unsure words too, up to five times a
# piece, which on hard speech takes most of the time.
LOOP = 2.4
SAMPLED = (0.2, 0.4, 0.6, 0.8, 1.0)


class OpenaiWhisper:
    """A `Recogniser` over openai-whisper, one piece after another."""

    batch_size = 1

    def __init__(self, model: str, beam_size: int, vocabulary: str, device: str) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = _load(model, device)
        self._beam_size, self._vocabulary = beam_size, vocabulary
        tokenizer = whisper.tokenizer.get_tokenizer(self._model.is_multilingual)
        check_vocabulary(len(tokenizer.encode(f" {vocabulary}")))
        self._lock = threading.Lock()  # decoding hangs hooks for its cache onto the model
        self.settings: dict[str, object] = {
            "engine": "openai-whisper",
            "model": model_identity(model, model),
            "beam_size": beam_size,
            "vocabulary": vocabulary,
            "device": device,
        }

    def language(self, piece: np.ndarray) -> str:
        if not self._model.is_multilingual:
            return "en"
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(piece), self._model.dims.n_mels)
        with self._lock:
            _, probability = self._model.detect_language(mel.to(self._model.device))
        return str(max(probability, key=probability.get))

    def recognise(self, pieces: Sequence[np.ndarray], language: str) -> list[Heard]:
        return [self._heard(piece, language) for piece in pieces]

    def _heard(self, piece: np.ndarray, language: str) -> Heard:
        segments = self._segments(piece, language, (0.0,))
        looped = any(segment["compression_ratio"] > LOOP for segment in segments)
        if looped:
            segments = self._segments(piece, language, SAMPLED)
        words = [
            Word(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
            for segment in segments
            for word in segment["words"]
        ]
        return Heard(words, looped)

    def _segments(
        self, piece: np.ndarray, language: str, temperature: tuple[float, ...]
    ) -> list[dict[str, Any]]:
        with self._lock, torch.random.fork_rng():
            torch.manual_seed(0)  # sampling then gives the same words every time
            result = whisper.transcribe(
                self._model,
                piece,
                language=language,
                temperature=temperature,
                beam_size=self._beam_size,
                initial_prompt=self._vocabulary or None,
                condition_on_previous_text=False,
                without_timestamps=True,
                word_timestamps=True,
                fp16=self._model.device.type == "cuda",
            )
        return list(result["segments"])


def _load(model: str, device: str) -> whisper.Whisper:
    path = Path(model)
    if path.suffix != ".pt" and model not in whisper.available_models():
        known = ", ".join(whisper.available_models())
        raise InputError(
            f"'{model}' is neither a .pt file nor a published model", remedy=f"Published: {known}"
        )
    if path.suffix == ".pt" and not path.is_file():
        raise InputError("there is no such file", file=model)
    try:
        loaded = whisper.load_model(model, device=device)  # torch.load(weights_only=True) inside
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"this speech model cannot be loaded ({type(error).__name__}: {error})",
            file=model,
            remedy="Give a checkpoint of openai-whisper; without network a .pt file",
        ) from error
    # A file carries no alignment heads; a published one is known by its name, others use the upper layers.
    if path.suffix == ".pt" and path.stem in whisper.available_models():
        loaded.set_alignment_heads(whisper._ALIGNMENT_HEADS[path.stem])
    return loaded
