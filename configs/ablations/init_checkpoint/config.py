"""PeskaVLP from another training's weights, here those of SurgVLP.

python train_hierarchy_ssl.py --work_dir=./configs/ablations/init_checkpoint/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

# A file: ours, a published training checkpoint or a released one. No ImageNet weights are fetched then.
config["model_config"]["pretrained"] = "./configs/surgvlp/best.pt"
