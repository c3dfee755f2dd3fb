"""SurgFM: ConvNeXt-Large by augmented distillation on Surg-3M (arXiv:2503.19740), 8 GPUs.

    torchrun --nproc-per-node=8 tools/pretrain_backbone.py --resume \\
        --work_dir configs/backbones/surgfm_convnext_large/

tools/find_neighbours.py makes the map (docs/image_pretraining.md); `neighbour_map=None` takes neighbours in
time only. Values are the released code's defaults with its README's batch of 8 x 40. Different on purpose:
the teacher drops no layers (there both do, at torchvision's 0.5), and layer scales do not decay.
"""

batch_size = 320

config = dict(
    backbone=dict(name="convnext_large", drop_path_rate=0.5),
    dataset=dict(
        type="pretraining_frames",
        frames_root="./data/surg3m/lmdb",  # a Surg-3M LMDB, or a folder of frame stores
        neighbours=2,
        neighbour_map="./data/surg3m/neighbours.npz",
        exclude=["./data/surg3m/split.json:testing"],  # so that Surg-3M's own tests stay unseen
    ),
    crops=dict(global_size=224, local_size=96, local_crops=8),
    batch_size=batch_size,
    length=dict(epochs=100),  # the paper is said to have taken 60
    optimizer=dict(learning_rate=5e-4 * batch_size / 256, warmup=dict(epochs=10)),
    teacher=dict(momentum=0.996, temperature=0.04, freeze_last_layer=dict(epochs=1)),
    checkpoints=dict(every=dict(epochs=1), keep=3),
    logging=dict(every=dict(steps=50)),
    seed=30,
    workers=10,
    precision="bfloat16",
    compile=True,
)
