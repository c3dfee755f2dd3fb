"""What lecturers show between the pictures of the operation: title cards and anatomy drawings."""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np

from surgvlp.synthesis.editing.drawings import Drawing, draw_drawing
from surgvlp.synthesis.editing.montage import Montage, Segment
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.lettering import RGB, lettering, write
from surgvlp.synthesis.pictures.picture import BLACK, Picture, Planes, planes_of

# Background from above to below, letters, accent.
_SCHEMES: tuple[tuple[RGB, RGB, RGB, RGB], ...] = (
    ((12, 26, 66), (24, 58, 118), (245, 246, 250), (240, 190, 70)),
    ((250, 250, 248), (238, 240, 243), (28, 38, 60), (170, 40, 44)),
    ((8, 8, 10), (8, 8, 10), (235, 235, 230), (110, 170, 220)),
    ((10, 70, 78), (6, 44, 54), (236, 248, 246), (140, 220, 200)),
    ((236, 228, 210), (226, 214, 190), (64, 44, 30), (150, 90, 40)),
    ((92, 22, 34), (58, 12, 24), (250, 240, 236), (232, 196, 150)),
)
_OPENINGS = (
    "A stepwise approach",
    "Technique and pitfalls",
    "How we do it",
    "A teaching video",
    "Tips and tricks",
)
_PLACES = (
    "Department of Surgery",
    "Division of Minimally Invasive Surgery",
    "Teaching Hospital",
    "Surgical Academy",
)
_CLOSINGS = ("Thank you for your attention", "Thank you", "Conclusion", "Questions?", "End of the procedure")


@dataclass(frozen=True)
class Style:
    """What all cards of one lecture have in common."""

    scheme: tuple[RGB, RGB, RGB, RGB]
    centred: bool
    size: float  # of the title's letters, a share of the picture's height
    numbered: bool


class Cards:
    """The cards and drawings of one lecture.

    Args:
        procedure: by the lecture's clock; gives names of operation and phases.
        montage: says which cards come when.
        height, width: of the picture, pixels.
        generator: draws texts, colours and the drawings' looks.
    """

    def __init__(
        self,
        procedure: Procedure,
        montage: Montage,
        height: int,
        width: int,
        generator: np.random.Generator,
    ) -> None:
        self._shape = (height, width)
        self._style = _draw_style(generator)
        self._texts = _texts(procedure, montage, self._style, generator)
        self._name, self._seed = procedure.type.name, int(generator.integers(2**31))
        self._shown: tuple[float, Planes, Drawing | None] | None = None  # the last one painted

    def draw(self, picture: Picture, segment: Segment, time: float) -> None:
        """Fill a picture with the card, drawing or black of a segment at a time of the lecture."""
        if segment.kind == "black":
            for plane, value in zip(picture.planes, BLACK, strict=True):
                plane[:] = value
            return
        if self._shown is None or self._shown[0] != segment.start:
            self._shown = (segment.start, *self._paint(segment))
        _, planes, drawing = self._shown
        for plane, painted in zip(picture.planes, planes, strict=True):
            plane[:] = painted
        if drawing is not None:
            drawing.point(picture, time - segment.start)

    def _paint(self, segment: Segment) -> tuple[Planes, Drawing | None]:
        if segment.kind == "title":
            return planes_of(paint_card(self._texts[segment.start], self._style, *self._shape)), None
        generator = np.random.default_rng([self._seed, round(1000 * segment.start)])
        drawing = draw_drawing(self._name, *self._shape, generator)
        return planes_of(drawing.rgb), drawing


def title_of(procedure: Procedure) -> str:
    """The operation's name as lecturers write it."""
    return f"{'Robotic' if procedure.robotic else 'Laparoscopic'} {procedure.type.name.replace('_', ' ')}"


def step_title(procedure: Procedure, phase: int) -> str:
    """A phase's name in words: "CalotTriangleDissection" is "Calot triangle dissection"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", procedure.type.phases[phase]).replace("_", " ")
    return words[:1].upper() + words[1:].lower()


def paint_card(lines: tuple[str, ...], style: Style, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3): a title above smaller lines on the style's background."""
    above, below = (np.array(colour, np.float32) for colour in style.scheme[:2])
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    column = above + (below - above) * share
    card = np.ascontiguousarray(np.broadcast_to(np.round(column), (height, width, 3)).astype(np.uint8))
    sizes = [style.size * height] + [0.62 * style.size * height] * (len(lines) - 1)
    columns = [max(8, int(0.84 * width / (0.55 * size))) for size in sizes]
    words = [lettering(line, size, most) for line, size, most in zip(lines, sizes, columns, strict=True)]
    gap = round(0.06 * height)
    top = max(0, (height - sum(word.shape[0] for word in words) - gap * len(words)) // 2)
    for number, word in enumerate(words):
        left = (width - word.shape[1]) // 2 if style.centred else round(0.08 * width)
        write(card, word, top, left, style.scheme[2])
        top += word.shape[0] + gap
        if number == 0:
            first = (width // 2 - width // 8) if style.centred else round(0.08 * width)
            thick = max(1, height // 160)
            cv2.rectangle(
                card,
                (first, top - gap // 2),
                (first + width // 4, top - gap // 2 + thick),
                style.scheme[3],
                -1,
            )
    return card


def _draw_style(generator: np.random.Generator) -> Style:
    return Style(
        scheme=_SCHEMES[generator.integers(len(_SCHEMES))],
        centred=bool(generator.uniform() < 0.6),
        size=float(generator.uniform(0.07, 0.1)),
        numbered=bool(generator.uniform() < 0.5),
    )


def _texts(
    procedure: Procedure, montage: Montage, style: Style, generator: np.random.Generator
) -> dict[float, tuple[str, ...]]:
    """The lines of each title card, by its segment's start."""
    operation = [segment for segment in montage.segments if segment.kind == "operation"]
    found: dict[float, tuple[str, ...]] = {}
    turns = [actions[0].start for _, actions in procedure.segments()]
    for segment in montage.segments:
        if segment.kind != "title":
            continue
        if segment.end <= operation[0].start:
            found[segment.start] = (
                title_of(procedure),
                _pick(_OPENINGS, generator),
                _pick(_PLACES, generator),
            )
        elif segment.start >= operation[-1].end:
            found[segment.start] = (_pick(_CLOSINGS, generator), title_of(procedure))
        else:
            name = step_title(procedure, int(procedure.phases_at([segment.start])[0]))
            step = int(np.searchsorted(turns, segment.start, side="right"))
            found[segment.start] = (f"Step {step}: {name}" if style.numbered else name,)
    return found


def _pick(texts: tuple[str, ...], generator: np.random.Generator) -> str:
    return texts[generator.integers(len(texts))]
