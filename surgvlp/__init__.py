"""Surgical video-language pretraining: from narrated lectures to zero-shot recognition and search."""

__version__ = "0.1.0"
