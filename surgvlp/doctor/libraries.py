"""Do the compiled libraries load? Where pip has them, a system library or an instruction may still lack."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator

from surgvlp.doctor import children
from surgvlp.doctor.finding import Finding

# module: distribution. torch first: torchvision and others are built for one release of it.
LIBRARIES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "av": "av",
    "cv2": "opencv-python",
    "faiss": "faiss-cpu",
    "ctranslate2": "ctranslate2",
    "lmdb": "lmdb",
    "sklearn": "scikit-learn",
}


def loading(timeout_s: float = children.TIMEOUT_S) -> Iterator[Finding]:
    """Import each library in another process; one that crashes or hangs does not hide those after it."""
    waiting = list(LIBRARIES)
    loaded: list[str] = []
    while waiting:
        found, broke_off = children.run_checks("libraries", waiting, timeout_s)
        loaded += [one.name for one in found if one.state == "ok"]
        yield from (one for one in found if one.state != "ok")
        waiting = waiting[len(found) :]
        if waiting and broke_off:
            yield _unusable(waiting.pop(0), broke_off)
    if loaded:
        yield Finding("libraries", "ok", f"{len(loaded)} of {len(LIBRARIES)} load: {', '.join(loaded)}")


def findings(*modules: str) -> Iterator[Finding]:
    """One finding a module, in their order."""
    for module in modules:
        begin = time.perf_counter()
        try:
            importlib.import_module(module)
        except Exception as error:  # an import runs others' code, which may raise anything
            yield _unusable(module, f"{type(error).__name__}: {error}")
        else:
            yield Finding(module, "ok", f"imported in {time.perf_counter() - begin:.1f} s")


def _unusable(module: str, why: str) -> Finding:
    why = " ".join(why.split())[:300]
    remedy = f"Run: python -m pip install --force-reinstall --no-deps {LIBRARIES.get(module, module)}"
    if module == "cv2" and ".so" in why:
        remedy = (
            "On Debian run: apt-get install libgl1 libglib2.0-0; where you may not, replace opencv-python "
            "by opencv-python-headless"
        )
    elif module == "torchvision":
        remedy = "Install both of one release: python -m pip install --upgrade torch torchvision"
    elif "SIGILL" in why:
        remedy = f"This processor is too old for the ready-made {module}; build it, or use another machine"
    return Finding(module, "missing", f"does not load: {why}", remedy)
