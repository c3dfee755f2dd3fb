"""Speech from text: espeak-ng through ctypes, from the library that the package espeakng-loader carries."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgvlp.files import InputError

# Constants of speak_lib.h.
_RETRIEVAL, _DONT_EXIT, _UTF8 = 1, 0x8000, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """How a narrator sounds.

    Args:
        name: espeak-ng voice, a language and a variant, e.g. "en-gb+f2".
        words_per_minute: speaking rate, 80 to 450.
        pitch: 0 to 100; 50 is the variant's own.
    """

    name: str = "en-us"
    words_per_minute: int = 160
    pitch: int = 50


class Speaker:
    """The loaded library with a voice.

    The library has one state a process, which threads and forks would tangle, and its sound depends on all
    that this process has spoken before. So there is one speaker a process: what it says is then a pure
    function of its voice and the sentences, in order.

    Args:
        voice: of those who speak, unless `speak` is told otherwise.

    Raises:
        InputError: the package with the library is missing or damaged, or it has no such voice.
    """

    _loaded = False

    def __init__(self, voice: Voice) -> None:
        assert not Speaker._loaded, "one speaker a process"
        Speaker._loaded = True
        library, data = _installed()
        self._library = ctypes.CDLL(library)
        self.rate = int(self._library.espeak_Initialize(_RETRIEVAL, 0, data.encode(), _DONT_EXIT))
        if self.rate <= 0:
            raise InputError(
                "espeak-ng did not start with its own data",
                file=data,
                remedy="Reinstall the package: pip install --force-reinstall espeakng-loader",
            )
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version: str = self._library.espeak_Info(None).decode()
        self._blocks: list[np.ndarray] = []
        self._callback = _Callback(self._receive)  # held here, since the library keeps only the address
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of breath and flutter; else it is the time
        self._own, self._current = voice, Voice("")
        self._use(voice)

    def _use(self, voice: Voice) -> None:
        if voice == self._current:
            return
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise InputError(f"espeak-ng has no voice {voice.name!r}")
        settings = ((_RATE, voice.words_per_minute), (_VOLUME, 90), (_PITCH, voice.pitch), (_RANGE, 55))
        for parameter, value in settings:
            self._library.espeak_SetParameter(parameter, value, 0)
        self._current = voice

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, text: str, voice: Voice | None = None) -> np.ndarray:
        """Speak one sentence: (samples,) int16 mono at `self.rate` hertz, without silence at either end.

        `voice` is another speaker's, such as somebody's in the audience.
        """
        self._use(voice or self._own)
        self._blocks = []
        raw = text.encode("utf-8")
        self._library.espeak_Synth(raw, ctypes.c_size_t(len(raw) + 1), 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        sound = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)
        loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 60)
        return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:0]


def _installed() -> tuple[str, str]:
    try:
        import espeakng_loader
    except ImportError as error:
        raise InputError(
            "the narrator's voice is not installed", remedy="Run: pip install 'surgvlp[demo]'"
        ) from error
    library, data = Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
    if not library.is_file():
        raise InputError("the package espeakng-loader has no such file", file=library)
    return str(library), str(data)
