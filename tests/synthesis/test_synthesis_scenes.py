"""Every type's scene: all that its actions name is there, and it changes as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from surgvlp.synthesis.abdomen.anatomy import HALF_HEIGHT, HALF_WIDTH
from surgvlp.synthesis.endoscope.instruments import WRISTED, draw_finish, sketch_instrument
from surgvlp.synthesis.endoscope.render import Renderer
from surgvlp.synthesis.operation.actions import ProcedureType
from surgvlp.synthesis.operation.procedure import draw_procedure
from surgvlp.synthesis.operation.procedures import PROCEDURES
from surgvlp.synthesis.pictures.classes import CLASSES, class_id
from surgvlp.synthesis.pictures.masks import Mask


@pytest.fixture(params=PROCEDURES)
def kind(request: pytest.FixtureRequest) -> ProcedureType:
    """Each type of procedure."""
    return PROCEDURES[request.param]


def test_every_place_lies_in_the_world_while_an_action_is_there(kind: ProcedureType) -> None:
    for seed in range(6):
        anatomy, _ = kind.draw_scene(64, np.random.default_rng(seed))
        procedure = draw_procedure(kind, 200, np.random.default_rng(seed), seed % 2)
        for timed in procedure.actions:
            state = procedure.state_at((timed.start + timed.end) / 2)
            names = [timed.action.focus, *(use.place for use in timed.action.uses)]
            leaving = (
                state["bag_out"] > 0 or state["bagged"] > 0 or timed.action.name in ("bag_in", "bag_out")
            )
            for name in names:
                place = anatomy.place(name, state)
                assert place.shape == (2,) and np.isfinite(place).all()
                assert leaving or (np.abs(place) < (HALF_WIDTH, HALF_HEIGHT)).all(), (name, place)


def test_every_place_that_an_action_names_is_known(kind: ProcedureType) -> None:
    anatomy, _ = kind.draw_scene(64, np.random.default_rng(1))
    for action in kind.actions.values():
        for name in (action.focus, *(use.place for use in action.uses)):
            anatomy.place(name, kind.state)


def test_what_is_there_follows_from_the_state(kind: ProcedureType) -> None:
    """Shares lie in [0, 1], depend on known variables only, and change."""
    _, scene = kind.draw_scene(64, np.random.default_rng(2))
    layers = (*scene.below, *scene.above)
    procedure = draw_procedure(kind, 120, np.random.default_rng(2))
    shares = np.array(
        [
            [layer.share(procedure.state_at(time)) for layer in layers]
            for time in np.linspace(0, procedure.duration, 40)
        ]
    )
    assert shares.min() >= 0 and shares.max() <= 1
    assert (np.ptp(shares, axis=0) > 0.5).sum() >= 3
    assert {layer.tissue for layer in layers} | {scene.specimen.tissue} <= set(CLASSES)


def test_the_specimen_is_seen_first_and_gone_at_the_end(kind: ProcedureType) -> None:
    for seed in range(3):
        renderer = Renderer(
            draw_procedure(kind, 100, np.random.default_rng([seed, 5])), 96, 1, np.random.default_rng(seed)
        )
        tissue = class_id(kind.draw_scene(64, np.random.default_rng(seed))[1].specimen.tissue)
        early = [np.count_nonzero(renderer.mask(second) == tissue) for second in range(15, 45, 3)]
        assert np.median(early) > 0.01 * 96 * 170, seed
        if kind.name != "sleeve_gastrectomy":  # where the rest of the stomach stays
            assert np.count_nonzero(renderer.mask(len(renderer) - 1) == tissue) < 0.01 * 96 * 170


def test_the_same_seed_paints_the_same_scene(kind: ProcedureType) -> None:
    first, again, other = (kind.draw_scene(64, np.random.default_rng(seed))[1] for seed in (4, 4, 5))
    assert np.array_equal(first.ground.rgb, again.ground.rgb)
    assert np.array_equal(first.above[0].sprite.rgb, again.above[0].sprite.rgb)
    assert np.abs(first.ground.rgb.astype(int) - other.ground.rgb).mean() > 5


def _covered(tool: str, wrist: float) -> np.ndarray:
    """(N, 2) rows and columns that a nearly shut instrument, its tip at (64, 150), covers."""
    mask = Mask(np.zeros((128, 160), np.uint8))
    finish = draw_finish(tool, np.random.default_rng(0))
    sketch_instrument(tool, 0.1, finish, wrist).draw(mask, np.array([150.0, 64.0]), 0.0, 300.0)
    return np.argwhere(mask.labels)


@pytest.mark.parametrize("tool", WRISTED)
def test_a_robot_s_instrument_bends_its_tip_and_works_at_the_same_place(tool: str) -> None:
    for wrist in (0.0, 0.3, 0.7):
        covered = _covered(tool, wrist)
        assert np.linalg.norm(covered - (64, 150), axis=1).min() < 10
        shaft = covered[covered[:, 1] == 20, 0].mean()
        assert 63.5 - shaft > 0.8 * 300 * 0.15 * np.sin(wrist) - 1
        assert wrist or abs(63.5 - shaft) < 1


def test_robotic_operations_look_otherwise() -> None:
    for name, kind in PROCEDURES.items():
        drawn = (draw_procedure(kind, 100, np.random.default_rng(seed), 1) for seed in range(200))
        robotic = next(procedure for procedure in drawn if procedure.robotic)
        by_hand = replace(robotic, robotic=False)
        renderers = [Renderer(each, 96, 0.5, np.random.default_rng(1)) for each in (robotic, by_hand)]
        ratios = []
        for number in range(8, len(renderers[0]), 5):
            masks = [np.isin(renderer.mask(number), _WRISTED) for renderer in renderers]
            if masks[1].sum() > 100:
                ratios.append((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
        assert np.median(ratios) < 0.9, name


_WRISTED = [class_id(tool) for tool in WRISTED]
