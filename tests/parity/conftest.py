"""Parity tests: a torchvision that was built for another PyTorch is mended first, since transformers imports it."""

import torchvision_references  # noqa: F401
