"""SurgeNet: PVTv2-B2 by DINO, otherwise as surgenet_vit_small.

torchrun --nproc-per-node=4 tools/pretrain_backbone.py --resume \\
    --work_dir configs/backbones/surgenet_pvtv2_b2/
"""

_base_ = "../surgenet_vit_small/config.py"
config = _base_.config  # that file, as mmengine reads it

config["backbone"] = dict(name="pvt_v2_b2", drop_path_rate=0.1)
