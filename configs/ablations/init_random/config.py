"""PeskaVLP from a random image encoder (table 8 of the paper).

python train_hierarchy_ssl.py --work_dir=./configs/ablations/init_random/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

config["model_config"]["backbone_img"]["pretrained"] = "random"
