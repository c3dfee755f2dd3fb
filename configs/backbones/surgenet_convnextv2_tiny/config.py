"""SurgeNet: ConvNeXtV2-Tiny by DINO, otherwise as surgenet_vit_small.

The scales of its response normalisation are vectors here and do not decay; in the
source they have four axes and do.

torchrun --nproc-per-node=4 tools/pretrain_backbone.py --resume \\
    --work_dir configs/backbones/surgenet_convnextv2_tiny/
"""

_base_ = "../surgenet_vit_small/config.py"
config = _base_.config  # that file, as mmengine reads it

config["backbone"] = dict(name="convnextv2_tiny")
