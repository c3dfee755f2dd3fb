"""The demo: clip-level pretraining on made lectures, minutes on two CPU cores.

    python train.py --work_dir=./configs/demo/ --output_dir=./runs/demo/pretraining --resume

`tools/demo.py` sets where the data are. All keys with their meaning: docs/training.md.
"""

# On two cores every second goes into more narrations rather than more pixels or more frames of each clip: for the same time,
# one frame of 80 pixels scored higher than two frames, or 96 pixels (on training corpora of other seeds).
size, frames = 80, 1

config = dict(
    model_config=dict(
        type="SurgVLP",
        backbone_img=dict(
            type="img_backbones/ImageEncoder",
            num_classes=128,
            pretrained="random",  # no model hub needed
            backbone_name="mobilenetv3_small_050",
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
                root="./data/made",
                frames_root="./data/made/frame_store",
                split="train",
                sources=["whisper_narration"],
                neighbours=2,
                num_frames=frames,
                size=size,
                max_length=48,
            ),
            loss=dict(type="InfoNCEWithNeighbours", temperature=0.1),
            views=dict(size=size, frames_crop=0.6, frames_jitter=0.5),
            batch_size=64,
        ),
    ],
    length=dict(steps=200),
    optimizer=dict(name="adamw", learning_rate=2e-3, weight_decay=0.05, warmup_steps=10),
    checkpoints=dict(every=dict(steps=50), keep=2),
    logging=dict(every=dict(steps=5)),
    seed=1,
    device="cpu",
)
