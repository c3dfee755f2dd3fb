"""The demo: clip-level pretraining on made lectures, minutes on two CPU cores.

    python train.py --work_dir=./configs/demo/ --output_dir=./runs/demo/pretraining --resume

`tools/demo.py` sets where the data are. All keys with their meaning: docs/training.md.
"""

size, frames = 112, 2

config = dict(
    model_config=dict(
        type="SurgVLP",
        backbone_img=dict(
            type="img_backbones/ImageEncoder",
            num_classes=128,
            pretrained="random",  # no model hub needed
            backbone_name="resnet_18",
        ),
        backbone_text=dict(
            type="text_backbones/SentenceEncoder",
            name="package:all-MiniLM-L6-v2",
            embedding_dim=128,
            freeze=True,  # so that every text goes through it once, not once a step
        ),
    ),
    levels=[
        dict(
            dataset=dict(
                type="clips",
                root="./data/demo",
                frames_root="./data/demo/frame_store",
                split="train",
                sources=["whisper_narration"],
                neighbours=2,
                num_frames=frames,
                size=size,
                max_length=48,
            ),
            loss=dict(type="InfoNCEWithNeighbours", temperature=0.1),
            views=dict(size=size, frames_crop=0.6, frames_jitter=0.5),
            batch_size=48,
        ),
    ],
    length=dict(steps=120),
    optimizer=dict(name="adamw", learning_rate=1e-3, weight_decay=0.05, warmup_steps=10),
    checkpoints=dict(every=dict(steps=40), keep=1),
    logging=dict(every=dict(steps=5)),
    seed=1,
    device="cpu",
)
