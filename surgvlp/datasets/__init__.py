"""Torch data sets over lectures: clips with their narrations, labelled frames, samplers, augmentation."""

from __future__ import annotations

from surgvlp.datasets.clips import ClipKeys, Clips, build_clips
from surgvlp.datasets.loader import Loader, make_loader
from surgvlp.datasets.phases import RecognitionFrame, published_preprocess
from surgvlp.datasets.sampler import ResumableSampler
from surgvlp.datasets.video_text import VideoText, VideoTextKeys
from surgvlp.datasets.views import Views

__all__ = [
    "ClipKeys",
    "Clips",
    "Loader",
    "RecognitionFrame",
    "ResumableSampler",
    "VideoText",
    "VideoTextKeys",
    "Views",
    "build_clips",
    "make_loader",
    "published_preprocess",
]
