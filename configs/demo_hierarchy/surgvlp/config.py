"""SurgVLP in `make demo-hierarchy`: clips and narrations alone, as in configs/demo.

    python train_hierarchy_ssl.py --work_dir=configs/demo_hierarchy/surgvlp --output_dir=runs/surgvlp --resume

Settled on corpora made from seeds that the demo does not use.
"""

_base_ = "../../demo/config.py"
config = _base_.config  # that file, as mmengine reads it

config["levels"][0]["turn"] = dict(share=1.0)
config["length"] = dict(steps=150)
config["checkpoints"] = dict(every=dict(epochs=100), keep=1)
