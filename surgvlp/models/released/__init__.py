"""Backbones that others released: how their files are nested, how their keys are named, where they are."""
