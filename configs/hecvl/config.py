"""HecVL: clip, keystep and video level, each with the texts that belong to it.

    python train_hierarchy_ssl.py --work_dir=./configs/hecvl/ --resume
    torchrun --nproc-per-node=4 train_hierarchy_ssl.py --work_dir=./configs/hecvl/ --resume

Values are the paper's ([P]: PeskaVLP, NeurIPS 2024, which trains all three systems alike) or the shipped
configuration's ([C]); data sets and losses are ours, which are right where the released ones are not
(docs/training.md). configs/hecvl_released has those. Paths are relative to where one starts. A batch of the
video level has 1536 images of 336 pixels and wants four GPUs of 80 GB, or a smaller batch_size.
"""

_base_ = "../surgvlp/config.py"  # model and optimizer, which the paper has alike for all three
config = _base_.config  # that file, as mmengine reads it

tree = dict(
    root="./data",
    frames_root="./data/frame_store",  # tools/build_frame_store.py; None: decode the videos, far slower
    size=336,  # [C]
)
narrations = ["aws_narration", "whisper_narration"]  # [C]

clips = dict(
    tree,
    type="clips",
    sources=narrations,  # the anchor's first
    neighbours=2,  # [C]
    num_frames=4,  # [P]
    clip_min=3.0,  # [C] seconds
    clip_max=5.0,  # [C]
    max_length=77,  # [C] tokens
)
keysteps = dict(
    tree,
    type="keysteps",
    sources=narrations,
    children=3,  # [C] narrations of a keystep
    num_frames=16,  # [P]
    text_columns=["step"],  # the keysteps' own titles; PeskaVLP adds the augmented texts
    narration_columns=["text"],  # what was said
    max_length=200,  # [C] tokens
)
lectures = dict(
    tree,
    type="whole_lectures",
    children=8,  # [C] keysteps of a lecture
    num_frames=64,  # [P]
    text_columns=["step"],
    max_length=200,  # [C] tokens
)

config["model_config"].update(type="HecVL", pretrained="")  # or a checkpoint to start from

# The published turns (keysteps every 3rd epoch, lectures every 5th) give 2400, 858 and 1443 steps in 200
# epochs of the paper's data, where an epoch is one caption a lecture. Here it is every caption, so the
# same balance is said as shares.
config["levels"] = [
    dict(
        name="clip",
        dataset=dict(clips, split="train_narration"),
        loss=dict(type="InfoNCEWithNeighbours", temperature=0.1),  # [P]
        views=dict(size=336),
        batch_size=120,  # [P] over all GPUs
        turn=dict(share=0.51),
    ),
    dict(
        name="keystep",
        dataset=dict(keysteps, split="train_keystep"),
        loss=dict(type="ParentChildInfoNCE", temperature=0.1),
        views=dict(size=336),
        batch_size=80,  # [P]
        turn=dict(share=0.18),
    ),
    dict(
        name="video",
        dataset=dict(lectures, split="train_abstract"),
        loss=dict(type="ParentChildInfoNCE", temperature=0.1),
        views=dict(size=336),
        batch_size=24,  # [P] 25, which four GPUs cannot share
        turn=dict(share=0.31),
    ),
]
config["length"] = dict(steps=4700)
config["validation"] = dict(
    datasets=dict(
        clip=dict(clips, split="val"),
        keystep=dict(keysteps, split="val"),
        video=dict(lectures, split="val"),
    ),
    every=dict(epochs=1),
)
config["checkpoints"] = dict(every=dict(epochs=1), keep=3)  # 1.6 GB each
