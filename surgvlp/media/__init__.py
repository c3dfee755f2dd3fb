"""Pixels and sound in and out: probe, decode, frame store, audio, images, encoding."""
