"""Keras layers of the detectors: backbones, pyramids, heads, and the convolutions and normalisations in them."""
