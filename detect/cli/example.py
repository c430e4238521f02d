"""`detect example`."""

import importlib.resources


def example() -> None:
    """Print a program that trains a detector in one straight line, to read, and as the start of your own."""
    print(importlib.resources.files("detect.training").joinpath("plain_train.py").read_text(encoding="utf-8"), end="")
