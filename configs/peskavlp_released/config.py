"""PeskaVLP as its training code was released: configs/hecvl_released with time warping at video level.

python train_hierarchy_ssl.py --work_dir=./configs/peskavlp_released/ --resume
"""

_base_ = "../hecvl_released/config.py"
config = _base_.config  # that file, as mmengine reads it

config["levels"][2]["loss"] = dict(
    type="hier_infonce_dtw", alpha=0.75, dtw_beta=0.0, dtw_ratio=0.5, dtw_scale_factor=0.01
)
