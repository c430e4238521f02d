"""Works of `workers.py`: the assignment of SimOTA by its authors' code, the package `yolox`."""

import sys
import types

import torch
from measuring.operands import CLASSES, SIDE, sim_ota_operands
from measuring.serving import Work, serve

sys.modules["loguru"] = types.ModuleType("loguru")  # its logger, which is not needed here
sys.modules["loguru"].logger = types.SimpleNamespace(info=print, error=print)  # type: ignore[attr-defined]


def prepare(work: str) -> Work:
    from yolox.models.yolo_head import YOLOXHead

    head = YOLOXHead(CLASSES)
    predicted, classes, objectness, points, strides, boxes, labels = map(torch.from_numpy, sim_ota_operands())
    middles, sides = (lambda x: (x[..., :2] + x[..., 2:]) / 2), (lambda x: x[..., 2:] - x[..., :2])
    predicted, boxes = (torch.cat([middles(x), sides(x)], dim=-1) for x in (predicted, boxes))
    x, y = (points / strides[:, None] - 0.5).T[:, None]  # numbers of the cells
    images = torch.zeros(len(boxes), 3, SIDE, SIDE)

    @torch.inference_mode()
    def run() -> None:
        for image in range(len(boxes)):
            head.get_assignments(
                image, len(boxes[image]), len(points), boxes[image], labels[image].float(), predicted[image],
                strides[None], x, y, classes, predicted, objectness[..., None], labels, images,
            )  # fmt: skip

    return run


if __name__ == "__main__":
    serve(prepare)
