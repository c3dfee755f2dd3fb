"""PeskaVLP without self-supervision of clips: texts alone teach.

python train_hierarchy_ssl.py --work_dir=./configs/ablations/no_clip_ssl/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

config["levels"][0]["loss"] = dict(type="InfoNCEWithNeighbours", temperature=0.1)
