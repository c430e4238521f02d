"""Sizes of the models that are compared: ours are counted, those of others are what their authors publish.

Authors who count floating-point operations count two for each multiply-add; their figures are halved here.
"""

import sys
from typing import NamedTuple

from measuring.workers import Worker


class Size(NamedTuple):
    """The size of a model with 80 classes."""

    model: str
    parameters: float  # million
    multiply_adds: float | None  # billion, for a square image of `side`; None where they are not published
    side: int  # pixels

    def at(self, side: int) -> str:
        """Return the size in words, for square images of another side: multiply-adds grow with the area."""
        parts = [f"{self.model}: {self.parameters:.3g} M parameters"]
        if self.multiply_adds is not None:
            parts.append(f"{self.multiply_adds * (side / self.side) ** 2:.2f} G multiply-adds")
        return ", ".join(parts)


# By the name of the project in a comparison, with the page that publishes it.
PUBLISHED = {
    "YOLO11n": Size("YOLO11n", 2.6, 6.5 / 2, 640),  # https://docs.ultralytics.com/models/yolo11/
    "YOLO26n": Size("YOLO26n", 2.4, 5.4 / 2, 640),  # https://docs.ultralytics.com/models/yolo26/
    "D-FINE-N": Size("D-FINE-N", 4, 7 / 2, 640),  # https://github.com/Peterande/D-FINE
    "RF-DETR-N": Size("RF-DETR-N", 30.5, 31.9 / 2, 384),  # https://arxiv.org/abs/2511.09554, table 2
}


def counted(model: str) -> Size:
    """Return the size of a model of ours."""
    with Worker(sys.executable, "our_models.py") as worker:
        answer = worker.do(f"{model} size")
    return Size(model, answer["parameters"], answer["multiply_adds"], answer["side"])
