"""Image and text encoders, the dual encoder over them, and the loading of released weights.

`models.build` builds what a config names; `models.weights` loads into it; `models.tokenizer` feeds it.
"""
