"""Torch data sets over lectures: clips with their narrations, keysteps, labelled frames, samplers."""

from __future__ import annotations

from surgvlp.datasets.cholect50 import CholecT50, cholect50_preprocess
from surgvlp.datasets.clips import ClipKeys, Clips, build_clips
from surgvlp.datasets.keysteps import KeystepKeys, Keysteps, build_keysteps
from surgvlp.datasets.loader import Loader, text_loader
from surgvlp.datasets.phases import RecognitionFrame, published_preprocess
from surgvlp.datasets.pretraining_frames import (
    PretrainingFrameKeys,
    PretrainingFrames,
    build_pretraining_frames,
)
from surgvlp.datasets.sampler import ResumableSampler
from surgvlp.datasets.video_text import VideoText, VideoTextKeys
from surgvlp.datasets.video_text_abstract import VideoTextAbstract, VideoTextAbstractKeys
from surgvlp.datasets.video_text_phase import VideoTextPhase, VideoTextPhaseKeys
from surgvlp.datasets.views import Views
from surgvlp.datasets.whole_lectures import WholeLectureKeys, WholeLectures, build_whole_lectures

__all__ = [
    "CholecT50",
    "ClipKeys",
    "Clips",
    "KeystepKeys",
    "Keysteps",
    "Loader",
    "PretrainingFrameKeys",
    "PretrainingFrames",
    "RecognitionFrame",
    "ResumableSampler",
    "VideoText",
    "VideoTextAbstract",
    "VideoTextAbstractKeys",
    "VideoTextKeys",
    "VideoTextPhase",
    "VideoTextPhaseKeys",
    "Views",
    "WholeLectureKeys",
    "WholeLectures",
    "build_clips",
    "build_keysteps",
    "build_pretraining_frames",
    "build_whole_lectures",
    "cholect50_preprocess",
    "published_preprocess",
    "text_loader",
]
