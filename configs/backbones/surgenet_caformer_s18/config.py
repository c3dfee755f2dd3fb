"""SurgeNet: CAFormer-S18 with ReLU by DINO, otherwise as surgenet_vit_small.

torchrun --nproc-per-node=4 tools/pretrain_backbone.py --resume \\
    --work_dir configs/backbones/surgenet_caformer_s18/
"""

_base_ = "../surgenet_vit_small/config.py"
config = _base_.config  # that file, as mmengine reads it

config["backbone"] = dict(name="caformer_s18_relu")
