"""PeskaVLP in `make demo-hierarchy`: HecVL with views of clips, augmented texts and the order of keysteps.

    python train_hierarchy_ssl.py --work_dir=configs/demo_hierarchy/peskavlp --output_dir=runs/peska --resume

Settled on corpora made from seeds that the demo does not use.
"""

_base_ = "../hecvl/config.py"
config = _base_.config  # that file, as mmengine reads it

config["model_config"]["type"] = "PeskaVLP"
clip, keystep, video = config["levels"]
clip["turn"], keystep["turn"] = dict(share=0.4), dict(share=0.4)

# A clip with two views is three images. Views at every step would leave a third of the budget for texts.
views = dict(clip, name="views", batch_size=32, turn=dict(share=0.1))
views["loss"] = dict(type="InfoNCEWithViews", temperature=0.1, view_weight=0.1)
config["levels"].append(views)

for level in (keystep, video):
    level["dataset"]["text_columns"] = ["step", "text"]
video["loss"] = dict(type="ParentChildOrder", temperature=0.1)

# 90 % of the steps have 64 images and 10 % have 96: as many images as 150 steps of 64.
config["length"] = dict(steps=143)
