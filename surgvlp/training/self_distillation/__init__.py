"""Image backbones by self-distillation: DINO, and SurgFM's form of it over neighbouring frames."""
