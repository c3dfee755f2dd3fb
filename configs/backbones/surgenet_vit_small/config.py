"""SurgeNet: ViT-S/16 by DINO on surgical frames (Jaspers et al. 2025), 4 GPUs.

    torchrun --nproc-per-node=4 tools/pretrain_backbone.py --resume \\
        --work_dir configs/backbones/surgenet_vit_small/

DINO's defaults, 50 epochs of 4 x 136 frames; the other SurgeNet configs are built on this one. The published
corpora are one corpus under a filter, `dataset.recipe`:

    SurgeNet          as here            SurgeNetSmall    share=0.1
    SurgeNetPublic    leave_out_sources=["RAMIE-UMCU", "RARP-AvL"]
    CHOLEC, RARP, RAMIE                  procedures=["cholecystectomy"], ...

    --cfg-options dataset.recipe.share=0.1
"""

batch_size = 544

config = dict(
    backbone=dict(name="vit_small_patch16_224.dino", drop_path_rate=0.1),
    dataset=dict(
        type="pretraining_frames",
        frames_root="./data/surgenet/frame_store",
        recipe=dict(labels="./data/surgenet/lectures.csv"),  # video_path,procedure,source
    ),
    crops=dict(global_size=224, local_size=96, local_crops=8, hue=0.1, noise=0.0),
    batch_size=batch_size,
    length=dict(epochs=50),
    optimizer=dict(learning_rate=5e-4 * batch_size / 256, warmup=dict(epochs=10)),
    teacher=dict(momentum=0.996, temperature=0.04, freeze_last_layer=dict(epochs=1)),
    checkpoints=dict(every=dict(epochs=1), keep=3),
    logging=dict(every=dict(steps=50)),
    seed=0,
    workers=10,
    precision="bfloat16",
    compile=True,
)
