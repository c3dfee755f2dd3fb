"""DINO on made lectures, minutes on two CPU cores.

    python tools/pretrain_backbone.py --work_dir configs/backbones/demo_dino/ --output_dir runs/dino --resume

The lectures are those of `make demo`. All keys with their meaning: docs/image_pretraining.md.
"""

# Chosen on corpora that no table is from. With so few steps a sharper teacher and fewer prototypes than the
# published ones keep the outputs from staying even; and since frames of a made lecture look alike, crops that
# show much of the picture, in changed colours, leave the instruments to tell them by.
config = dict(
    backbone=dict(name="resnet10t"),
    head=dict(outputs=512, hidden=512, bottleneck=128),
    dataset=dict(
        type="pretraining_frames",
        root="./data/made",
        frames_root="./data/made/frame_store",
        split="train",
        every_s=0.5,
    ),
    crops=dict(
        global_size=96,
        global_scale=(0.5, 1.0),
        local_size=64,
        local_scale=(0.3, 1.0),
        local_crops=2,
        hue=0.2,
        noise=0.0,
    ),
    batch_size=64,
    length=dict(steps=80),
    optimizer=dict(learning_rate=1.5e-3, warmup=dict(steps=20), final_weight_decay=0.1),
    teacher=dict(momentum=0.98, temperature=0.025, first_temperature=0.025, freeze_last_layer=dict(steps=20)),
    collapse=dict(after=dict(steps=20)),
    probe=dict(
        labelled=dict(
            root="./data/made",
            dataset="made",
            protocol="made_frames",
            frames="./data/made/frame_store",
            every=2,
            size=96,
        ),
        every=dict(steps=40),
    ),
    checkpoints=dict(every=dict(steps=40), keep=2),
    logging=dict(every=dict(steps=10)),
    seed=1,
    device="cpu",
)
