"""PeskaVLP: HecVL with self-supervision of clips, augmented texts, and the order of keysteps.

    python train_hierarchy_ssl.py --work_dir=./configs/peskavlp/ --resume
    torchrun --nproc-per-node=4 train_hierarchy_ssl.py --work_dir=./configs/peskavlp/ --resume

What it shares with HecVL stands in configs/hecvl/config.py. configs/ablations has each of its parts left out.
"""

_base_ = "../hecvl/config.py"
config = _base_.config  # that file, as mmengine reads it

config["model_config"]["type"] = "PeskaVLP"
clip, keystep, video = config["levels"]

# Two augmented views of a clip attract each other (section 3.2); as released, texts supervise them too.
clip["loss"] = dict(type="InfoNCEWithViews", temperature=0.1)

# Original and augmented texts, drawn at random (section 3.3). Shipped: the augmented ones alone.
for data in (keystep["dataset"], video["dataset"], *config["validation"]["datasets"].values()):
    if "text_columns" in data:
        data["text_columns"] = ["step", "text"]
    if "narration_columns" in data:
        data["narration_columns"] = ["text", "step"]

# Frames align better with their texts in order than reversed (section 3.4), at both levels as in the paper.
for level in (keystep, video):
    level["loss"] = dict(type="ParentChildOrder", temperature=0.1)
