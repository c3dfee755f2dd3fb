"""What the endoscope sees: the abdomen, instruments at work, smoke and light, frame by frame."""
