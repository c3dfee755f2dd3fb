"""PeskaVLP without augmented texts: the keysteps' own titles only.

python train_hierarchy_ssl.py --work_dir=./configs/ablations/no_augmented_text/ --resume
"""

_base_ = "../../peskavlp/config.py"
config = _base_.config  # that file, as mmengine reads it

datasets = [level["dataset"] for level in config["levels"]]
for data in (*datasets, *config["validation"]["datasets"].values()):
    if "text_columns" in data:
        data["text_columns"] = ["step"]
    if "narration_columns" in data:
        data["narration_columns"] = ["text"]
