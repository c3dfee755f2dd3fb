"""Masks and boxes: they show what the picture shows, and what the operation has come to."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from surgvlp.synthesis.abdomen.anatomy import Anatomy
from surgvlp.synthesis.abdomen.painter import Ground
from surgvlp.synthesis.abdomen.scene import Layer, Scene
from surgvlp.synthesis.corpus import CorpusArguments, draw_lecture
from surgvlp.synthesis.endoscope.camera import Sensor
from surgvlp.synthesis.endoscope.hands import Hands
from surgvlp.synthesis.endoscope.render import Renderer
from surgvlp.synthesis.operation.procedure import Procedure
from surgvlp.synthesis.pictures.classes import CLASSES, class_id
from surgvlp.synthesis.pictures.picture import Picture
from surgvlp.synthesis.pictures.sprites import Sprite

ARGUMENTS = CorpusArguments(seed=4, height=160, fps=2, seconds=90)


@pytest.fixture(scope="module")
def procedure() -> Procedure:
    return draw_lecture(ARGUMENTS, 0).procedure


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return draw_lecture(ARGUMENTS, 0).renderer


def _flat(sprite: Sprite, white: bool) -> Sprite:
    return replace(sprite, rgb=np.full_like(sprite.rgb, 255 * white))


def _with_white(scene: Scene, tissue: str) -> Scene:
    """A scene in which one tissue is white and all others are black."""

    def layers(old: tuple[Layer, ...]) -> tuple[Layer, ...]:
        return tuple(replace(it, sprite=_flat(it.sprite, it.tissue == tissue)) for it in old)

    there = scene.ground.tissue == class_id(tissue)
    rgb = np.repeat(there[..., None] * np.uint8(255), 3, axis=2)
    specimen = scene.specimen
    return replace(
        scene,
        ground=Ground(rgb, scene.ground.tissue),
        below=layers(scene.below),
        above=layers(scene.above),
        specimen=replace(specimen, sprite=_flat(specimen.sprite, specimen.tissue == tissue)),
        splash=_flat(scene.splash, tissue == "blood"),
        clips=(),
        smoke=np.zeros_like(scene.smoke),
    )


@pytest.mark.parametrize(
    "tissue", ["liver", "fat", "connective_tissue", "cystic_duct", "artery", "gallbladder", "blood"]
)
def test_masks_end_where_the_picture_does(
    tissue: str, procedure: Procedure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one tissue white, all others black, even light and no instruments, the picture is the mask."""
    monkeypatch.setattr(Hands, "at", lambda *_: [])

    def evenly_lit(sensor: Sensor, drawn: Picture, number: int, time: float) -> Picture:
        left, top, right, bottom = sensor.box
        whole = Picture(160, 284)
        whole.planes.luma[top:bottom, left:right] = drawn.planes.luma
        return whole

    monkeypatch.setattr(Sensor, "picture", evenly_lit)

    def draw_scene(height: int, generator: np.random.Generator) -> tuple[Anatomy, Scene]:
        anatomy, scene = procedure.type.draw_scene(height, generator)
        return anatomy, _with_white(scene, tissue)

    flat = replace(procedure, type=replace(procedure.type, draw_scene=draw_scene))
    renderer = Renderer(flat, 160, 2, np.random.default_rng(2))
    seen = 0
    for number in range(0, len(renderer), 9):
        mask = renderer.mask(number)
        hidden = (mask == 0) | (mask == class_id("specimen_bag"))
        shown = (renderer.picture(number).planes.luma.astype(float) - 16) / 219
        shown[cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3))) > 0] = 0.5
        ours = mask == class_id(tissue)
        # what is half there, as fading blood and fat that is being cleared, may be taken for either
        wrong = (ours & (shown < 0.3)) | (~ours & (shown > 0.7))
        border = cv2.morphologyEx(ours.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
        assert wrong.sum() <= 0.05 * border.sum() + 10, number
        seen += int(ours.sum())
    assert seen > 1000


def test_classes_come_and_go_as_the_operation_says(procedure: Procedure, renderer: Renderer) -> None:
    shown: dict[str, list[int]] = {name: [] for name in CLASSES}
    for number in range(0, len(renderer), 3):
        time, mask = float(renderer.times[number]), renderer.mask(number)
        state, tools = procedure.state_at(time), procedure.tools_at(time)
        there = {CLASSES[index] for index in np.unique(mask)}
        assert {"black_background", "abdominal_wall"} <= there
        assert there & {"grasper", "hook", "bipolar", "scissors", "clipper", "irrigator"} <= set(tools)
        if state["duct_clips"] + state["artery_clips"] + state["bed_clips"] == 0:
            assert "clip" not in there
        if state["bag_in"] == 0 or state["bag_out"] == 1:
            assert "specimen_bag" not in there
        if state["bagged"] == 1:
            assert "gallbladder" not in there
        if state["exposure"] == 0 and state["omentum"] == 1:
            assert "fat" in there
        for name in there:
            shown[name].append(number)
    missing = {name for name in CLASSES if not shown[name]}
    assert missing.isdisjoint({"clip", "specimen_bag", "gallbladder", "cystic_duct", "artery", "grasper"})
    assert shown["clip"][0] > shown["gallbladder"][0] and shown["specimen_bag"][0] > shown["clip"][0]


def test_boxes_hold_the_tools_of_the_mask(procedure: Procedure, renderer: Renderer) -> None:
    found = 0
    for number in range(0, len(renderer), 3):
        mask, boxes = renderer.mask(number), renderer.boxes(number)
        assert {box.tool for box in boxes} <= set(procedure.tools_at(float(renderer.times[number])))
        if not boxes:
            continue
        front = boxes[-1]  # nothing hides it
        left, top, right, bottom = front.box
        there = mask == class_id(front.tool)
        if [box.tool for box in boxes].count(front.tool) == 1:
            assert cv2.boundingRect(there.astype(np.uint8)) == (left, top, right - left, bottom - top)
            outside = there.copy()
            outside[top:bottom, left:right] = False
            assert there.any() and not outside.any()
            found += 1
        x, y = front.tip
        if front.tip_inside:
            assert left - 12 <= x <= right + 12 and top - 12 <= y <= bottom + 12
            assert mask[round(y), round(x)] > 0
    assert found > 10
