"""HecVL in `make demo-hierarchy`: clips, keysteps and whole lectures, on as many images as SurgVLP there.

    python train_hierarchy_ssl.py --work_dir=configs/demo_hierarchy/hecvl --output_dir=runs/hecvl --resume

Settled on corpora made from seeds that the demo does not use.
"""

_base_ = "../surgvlp/config.py"
config = _base_.config  # that file, as mmengine reads it

config["model_config"]["type"] = "HecVL"
clip = config["levels"][0]
tree = {key: clip["dataset"][key] for key in ("root", "frames_root", "split", "size")}
clip["turn"] = dict(share=0.6)
# Every step of every level has 64 images, so equal steps are equal budgets.
config["levels"] += [
    dict(
        name="keystep",
        dataset=dict(
            tree,
            type="keysteps",
            sources=["whisper_narration"],
            children=4,
            num_frames=1,  # more keysteps a step teach more than more frames of each
            text_columns=["step"],  # titles; PeskaVLP has the descriptions too
            max_length=96,
        ),
        loss=dict(type="ParentChildInfoNCE", temperature=0.1),
        views=clip["views"],
        batch_size=64,
        turn=dict(share=0.3),
    ),
    dict(
        name="video",
        dataset=dict(
            tree,
            type="whole_lectures",
            children=8,
            num_frames=8,
            text_columns=["step"],
            max_length=128,
        ),
        loss=dict(type="ParentChildInfoNCE", temperature=0.1),
        views=clip["views"],
        batch_size=8,
        turn=dict(share=0.1),
    ),
]
