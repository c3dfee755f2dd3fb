"""Scores from models and files: zero-shot recognition, metrics, protocols, controls, reports."""
