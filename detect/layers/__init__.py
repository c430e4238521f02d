"""Keras layers that two models or more use: backbones, pyramids, heads."""
