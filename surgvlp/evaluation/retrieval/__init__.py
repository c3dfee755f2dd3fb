"""Whether videos and texts of unseen lectures find each other, and frames their place in order.

`pairs` of a split's narrations, keysteps and abstracts with their stretches of video; `ranks` among them all;
`alignment` of a lecture's frames with its own keysteps; `run` does it for a checkpoint and writes it down.
"""
