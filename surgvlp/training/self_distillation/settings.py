"""The config of an image backbone's pretraining: every key with its meaning. Unknown keys are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from surgvlp.evaluation.labelled_frames import LabelledFrames
from surgvlp.files import InputError
from surgvlp.training.schedules import Duration
from surgvlp.training.settings import RunSettings


@dataclass(frozen=True)
class BackboneSettings:
    """What is trained.

    Attributes:
        name: what `surgvlp.models.backbones.build_backbone` takes: a timm name, `caformer_s18_relu`, ...
        drop_path_rate: stochastic depth of the student; the teacher has none.
        pretrained: start from ImageNet's weights (`imagenet`), from a weight name, or from a file that
            `load_backbone` reads and that holds this architecture; None: random.
    """

    name: str
    drop_path_rate: float = 0.0
    pretrained: str | None = None


@dataclass(frozen=True)
class HeadSettings:
    """The projection head; see `surgvlp.models.projection_head.ProjectionHead`.

    Attributes:
        outputs: K, prototypes.
        hidden: width of its two hidden layers.
        bottleneck: width before the last layer.
        norm_last_layer: the last layer's rows keep length 1.
        batch_norm: after each hidden layer; DINO has none.
    """

    outputs: int = 65536
    hidden: int = 2048
    bottleneck: int = 256
    norm_last_layer: bool = True
    batch_norm: bool = False


@dataclass(frozen=True)
class CropSettings:
    """The crops; their number and roles follow from the data set's `neighbours`. See `MultiCrop`.

    Attributes:
        global_size, local_size: sides in pixels.
        local_crops: small crops of the anchor.
        global_scale, local_scale: smallest and largest share of the picture.
        hue: strength of its jitter; SurgFM has none, DINO .1.
        noise: how often some large crops get noise; SurgFM .2, DINO never.
    """

    global_size: int = 224
    local_size: int = 96
    local_crops: int = 8
    global_scale: tuple[float, float] = (0.4, 1.0)
    local_scale: tuple[float, float] = (0.05, 0.4)
    hue: float = 0.0
    noise: float = 0.2


@dataclass(frozen=True)
class TeacherSettings:
    """How the teacher follows, and what it says.

    Attributes:
        momentum: at the start; half a cosine takes it to 1.
        temperature: tau_t after its warm-up.
        first_temperature: tau_t at the start of its warm-up.
        temperature_warmup_epochs: over how many epochs it rises, in equal steps.
        student_temperature: tau_s.
        centre_momentum: of the mean logits that are taken off.
        freeze_last_layer: how long the head's last layer stays; None: not at all.
    """

    momentum: float = 0.996
    temperature: float = 0.04
    first_temperature: float = 0.04
    temperature_warmup_epochs: int = 0
    student_temperature: float = 0.1
    centre_momentum: float = 0.9
    freeze_last_layer: Duration | None = field(default_factory=lambda: Duration(epochs=1))


@dataclass(frozen=True)
class ScheduledOptimizer:
    """AdamW under DINO's schedules.

    Attributes:
        learning_rate: after the warm-up. DINO's is for 256 samples a step: write 5e-4 * batch_size / 256.
        final_learning_rate: where half a cosine takes it.
        warmup: how long it rises from 0, linearly; None: not at all.
        weight_decay, final_weight_decay: on matrices and kernels, half a cosine between them.
        clip_gradient_norm: the longest gradient of one tensor; None: any.
    """

    learning_rate: float
    final_learning_rate: float = 1e-6
    warmup: Duration | None = field(default_factory=lambda: Duration(epochs=10))
    weight_decay: float = 0.04
    final_weight_decay: float = 0.4
    clip_gradient_norm: float | None = 3.0


@dataclass(frozen=True)
class ProbeSettings:
    """How well the teacher tells labelled frames apart meanwhile. Nothing is chosen by it.

    Attributes:
        labelled: train and test frames.
        every: how often.
    """

    labelled: LabelledFrames
    every: Duration = field(default_factory=lambda: Duration(epochs=1))


@dataclass(frozen=True)
class CollapseSettings:
    """When to stop a run whose teacher says the same of every picture.

    Attributes:
        after: from when on it is looked at; the first steps of any run look like a collapse.
        least_information: nats; the least that the teacher's output may tell of a picture: the entropy of
            the mean output less the mean entropy, averaged between two lines of the log.
    """

    after: Duration = field(default_factory=lambda: Duration(epochs=1))
    least_information: float = 0.01


@dataclass(frozen=True, kw_only=True)
class SelfDistillationSettings(RunSettings):
    """A whole run; further keys are those of `RunSettings`.

    Attributes:
        backbone, head: the network.
        dataset: `type` and keys of a data set of frames (`pretraining_frames`); its `seed` is the run's
            unless given.
        crops: of its frames.
        batch_size: samples of a step over all processes together.
        teacher, optimizer: how both networks move.
        probe: labelled frames to look at meanwhile; None: none.
        collapse: when to stop; None: never.
    """

    backbone: BackboneSettings
    dataset: dict[str, Any]
    batch_size: int
    optimizer: ScheduledOptimizer
    head: HeadSettings = field(default_factory=HeadSettings)
    crops: CropSettings = field(default_factory=CropSettings)
    teacher: TeacherSettings = field(default_factory=TeacherSettings)
    probe: ProbeSettings | None = None
    collapse: CollapseSettings | None = field(default_factory=CollapseSettings)

    def __post_init__(self) -> None:
        for key, low, high in _RANGES:
            value: Any = self
            for name in key.split("."):
                value = getattr(value, name)
            if value is not None and not low <= value <= high:
                above = "more than 0" if low == _ABOVE_ZERO else f"{low:g} or more"
                between = f"{low:g} to {high:g}" if high < _ANY else above
                raise InputError(f"expected {between}, got {value}", key=f"config.{key}")


_ABOVE_ZERO, _ANY = 1e-12, float("inf")
_RANGES = (
    ("backbone.drop_path_rate", 0, 1),
    ("head.outputs", 1, _ANY),
    ("head.hidden", 1, _ANY),
    ("head.bottleneck", 1, _ANY),
    ("teacher.momentum", 0, 1),
    ("teacher.centre_momentum", 0, 1),
    ("teacher.temperature", _ABOVE_ZERO, _ANY),
    ("teacher.first_temperature", _ABOVE_ZERO, _ANY),
    ("teacher.temperature_warmup_epochs", 0, _ANY),
    ("teacher.student_temperature", _ABOVE_ZERO, _ANY),
    ("optimizer.learning_rate", 0, _ANY),
    ("optimizer.final_learning_rate", 0, _ANY),
    ("optimizer.weight_decay", 0, _ANY),
    ("optimizer.final_weight_decay", 0, _ANY),
    ("optimizer.clip_gradient_norm", _ABOVE_ZERO, _ANY),
)
