"""Batched embedding of frames, clips and texts into arrays."""
