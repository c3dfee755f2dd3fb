"""SurgVLP: clip-level pretraining with the published hyper-parameters.

    python train.py --work_dir=./configs/surgvlp/ --resume
    torchrun --nproc-per-node=4 train.py --work_dir=./configs/surgvlp/ --resume

Values are the paper's ([P]: PeskaVLP, NeurIPS 2024, which trains all three systems alike) where the shipped
configuration ([C]) is a smoke test. docs/training.md explains the keys. Paths are relative to where one
starts. A batch of 120 has 1440 images of 336 pixels and wants four GPUs of 40 GB or more.
"""

bert = "emilyalsentzer/Bio_ClinicalBERT"  # shipped without its first letter; or a folder with the model

clips = dict(
    type="video_text_ssl",  # [C] the published sampling; an epoch is one caption of every video
    video_root="./data/videos",
    frames_root="./data/frame_store",  # tools/build_frame_store.py; None: decode the videos, far slower
    caption_roots=["./data/aws_narration_texts", "./data/whisper_narration_texts"],  # [C] the anchor's first
    candidates=[1, 2],  # [C] one AWS caption, two Whisper captions
    min_time=4.0,  # [C] seconds
    fps=2,  # [C]
    num_frames=4,  # [P]
    clip_min=3,  # [C] seconds
    clip_max=5,  # [C]
    size=336,  # [C]
    random_flip=False,  # published clips are flipped; here `views` does that, on the device
    max_length=77,  # [C] tokens
)

config = dict(
    model_config=dict(
        type="SurgVLP",
        backbone_img=dict(
            type="img_backbones/ImageEncoder",
            num_classes=768,
            pretrained="imagenet",  # [P]; shipped 'random', which costs five points of accuracy (table 8)
            backbone_name="resnet_50",
            img_norm=False,
        ),
        backbone_text=dict(
            type="text_backbones/BertEncoder",
            text_bert_type=bert,
            text_last_n_layers=4,
            text_aggregate_method="sum",
            text_norm=False,
            text_embedding_dim=768,
            text_freeze_bert=False,
            text_agg_tokens=True,
        ),
    ),
    levels=[
        dict(
            name="clip",
            dataset=dict(clips, csv="./data/splits/train_narration.csv"),
            loss=dict(type="SSL_VL_Loss_new", alpha=0.75, temperature=0.1),  # [C]; temperature [P] too
            views=dict(size=336),  # one draw a clip; compat="released" draws for every frame, as published
            batch_size=120,  # [P] over all GPUs; shipped 2
        ),
    ],
    length=dict(epochs=200),  # [P]; shipped 150
    optimizer=dict(
        name="adamw",  # [P]; shipped adam
        learning_rate=5e-5,  # [P]; shipped 8e-5
        weight_decay=0.01,  # not in the paper; AdamW's usual value
        warmup_steps=0,  # [C]
    ),
    validation=dict(
        datasets=dict(clip=dict(clips, csv="./data/splits/val.csv")),
        every=dict(epochs=1),  # [C]; there three times an epoch
    ),
    checkpoints=dict(every=dict(epochs=5), keep=3),  # 1.6 GB each
    logging=dict(every=dict(steps=10)),
    seed=1,  # [C]
    workers=8,  # [C]
    precision="bfloat16",  # published: float16 without a scaler, whose small gradients vanish
)
