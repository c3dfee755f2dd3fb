"""PeskaVLP from ImageNet weights (table 8 of the paper): what configs/peskavlp does, said outright.

python train_hierarchy_ssl.py --work_dir=./configs/ablations/init_imagenet/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

config["model_config"]["backbone_img"]["pretrained"] = "imagenet"
