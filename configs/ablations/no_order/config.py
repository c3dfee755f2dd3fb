"""PeskaVLP without dynamic time warping: parents and children, whatever the children's order.

python train_hierarchy_ssl.py --work_dir=./configs/ablations/no_order/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

for level in config["levels"][1:]:
    level["loss"] = dict(type="ParentChildInfoNCE", temperature=0.1)
