"""The demo's clip-level pretraining, its visual encoder started from a backbone that saw no text.

python tools/pretrain_backbone.py --work_dir configs/backbones/demo_dino/ --output_dir runs/dino --resume
python train.py --work_dir=./configs/demo_from_dino/ --output_dir=./runs/demo_from_dino --resume
"""

_base_ = "../demo/config.py"
config = _base_.config  # that file, as mmengine reads it

# What load_backbone reads: this run's newest checkpoint, a released file, a weight name (docs/backbones.md).
config["model_config"]["backbone_img"]["pretrained"] = "./runs/dino/step_00000080.pt"
