"""The demo: clip-level pretraining on made lectures, minutes on two CPU cores.

    python train.py --work_dir=./configs/demo/ --output_dir=./runs/demo/pretraining --resume

`tools/demo.py` sets where the data are. All keys with their meaning: docs/training.md.
"""

# Chosen on corpora made from seeds that the demo does not use. On two cores a small residual network that
# sees many narrations, one small frame each, learns more a minute than with larger frames or more of them.
# And a frozen sentence encoder without a projection carries over to prompts better than a projection fitted
# to a few hundred narrations.
size = 80

config = dict(
    model_config=dict(
        type="SurgVLP",
        backbone_img=dict(
            type="img_backbones/ImageEncoder",
            num_classes=384,  # the sentence encoder's width
            pretrained="random",  # no model hub needed
            backbone_name="resnet10t",
        ),
        backbone_text=dict(
            type="text_backbones/SentenceEncoder",
            name="package:all-MiniLM-L6-v2",
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
                num_frames=1,
                clip_min=0.2,  # so that the frame may lie anywhere in its narration
                clip_max=0.5,
                size=size,
                max_length=48,
            ),
            loss=dict(type="InfoNCEWithNeighbours", temperature=0.1),
            views=dict(size=size, frames_crop=0.6, frames_jitter=0.3),
            batch_size=64,
        ),
    ],
    length=dict(steps=170),
    optimizer=dict(name="adamw", learning_rate=2e-3, weight_decay=0.05, warmup_steps=10),
    checkpoints=dict(every=dict(steps=50), keep=2),
    logging=dict(every=dict(steps=5)),
    seed=1,
    device="cpu",
)
