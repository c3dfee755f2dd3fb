"""HecVL as its training code was released: data sets, losses and turns under the published names.

    python train_hierarchy_ssl.py --work_dir=./configs/hecvl_released/ --resume

For reproducing, not for training of your own: the defects are there too (docs/training.md). Values are the
shipped ones but for four that make no sense: the batch sizes (2, 1, 1: nothing to compare with), the text
model's name (its first letter is lost), float16 without a scaler, and a schedule that counts loaders that do
not run. Paths are relative to where one starts.
"""

_base_ = "../surgvlp/config.py"  # the model, but for its random start
config = _base_.config  # that file, as mmengine reads it

narrations = ["./data/aws_narration_texts", "./data/whisper_narration_texts"]

sampling = dict(
    video_root="./data/videos",
    frames_root="./data/frame_store",  # tools/build_frame_store.py; None: decode the videos, far slower
    min_time=4.0,  # seconds
    size=336,
    random_flip=True,
)
clips = dict(
    sampling,
    type="video_text_ssl",
    caption_roots=narrations,
    candidates=[1, 2],
    fps=2,
    num_frames=4,
    clip_min=3,
    clip_max=5,
    max_length=77,
)
keysteps = dict(
    sampling,
    type="video_text_phase",
    caption_roots=narrations,
    phase_root="./data/keystep_texts",
    candidates=[3],
    num_frames_clip=16,
    max_length=200,
)
lectures = dict(
    sampling,
    type="video_text_phase_aug_phase_abstract",
    caption_roots=["./data/keystep_texts"],
    phase_root="./data/abstract_texts",
    candidates=[8],
    num_frames_clip=64,
    max_length=200,
)
views = dict(size=336, compat="released")  # other views of every frame

config["model_config"]["type"] = "MVNet"
config["model_config"]["backbone_img"]["pretrained"] = "random"
config["levels"] = [
    dict(
        name="clip",
        dataset=dict(clips, csv="./data/splits/train_narration.csv"),
        loss=dict(type="SSL_VL_Loss_new", alpha=0.75),
        views=views,
        batch_size=120,  # of the paper
    ),
    dict(
        name="keystep",
        dataset=dict(keysteps, csv="./data/splits/train_keystep.csv"),
        loss=dict(type="hier_infonce", alpha=0.75),
        views=views,
        batch_size=80,
        turn=dict(every_epochs=3),
    ),
    dict(
        name="video",
        dataset=dict(lectures, csv="./data/splits/train_abstract.csv"),
        loss=dict(type="hier_infonce", alpha=0.75),
        views=views,
        batch_size=24,  # 25 there, which four GPUs cannot share
        turn=dict(every_epochs=5),
    ),
]
config["length"] = dict(epochs=150)
config["optimizer"] = dict(name="adam", learning_rate=8e-5, weight_decay=0.0)
config["validation"] = dict(
    datasets=dict(clip=dict(clips, csv="./data/splits/val.csv")), every=dict(epochs=1)
)
config["checkpoints"] = dict(every=dict(epochs=1), keep=10)
