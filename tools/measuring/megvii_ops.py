"""Tasks of `workers.py`: YOLOX by its authors' code, the package `yolox` as in their repository: its assignment, its
training step, and its prediction. The releases of the package are older, and assign in another way.

In a training step, PyTorch compiles the backbone and the convolutions of the head, in bfloat16 where that is safe, as
the authors' trainer does in float16; the loss is theirs, unchanged. `network` is the same step with the sum of the
outputs instead of the loss.
"""

import sys
import types
from typing import Any

import numpy as np
import torch
from measuring.operands import (
    CLASSES,
    CONFIDENCE,
    OBJECTS,
    OVERLAP,
    REAL,
    random_boxes,
    sim_ota_operands,
    training_batch,
)
from measuring.serving import Task, serve
from measuring.torch_device import DEVICE, finished, on_device, without_compiler

for name in ("loguru", "thop"):  # its logger and its operation counter, which are not needed here
    sys.modules[name] = types.ModuleType(name)
sys.modules["loguru"].logger = types.SimpleNamespace(info=print, error=print)  # type: ignore[attr-defined]
sys.modules["thop"].profile = None  # type: ignore[attr-defined]

DEPTH, WIDTH = 0.33, 0.5  # of YOLOX-s
RATE, DECAY = 1e-3, 0.99


def prepare(task: str) -> Task:
    name, *numbers = without_compiler(task).split()
    if name == "sim_ota":
        return assignment()
    count, side = map(int, numbers[:2])
    if name == "predict":
        return prediction(count, side, numbers[2])
    return training(count, side, with_loss=name == "train")


def assignment() -> Task:
    from yolox.models.yolo_head import YOLOXHead

    head = YOLOXHead(CLASSES).to(DEVICE)
    predicted, classes, objectness, points, strides, boxes, labels = map(on_device, sim_ota_operands())
    predicted, boxes = centred(predicted), centred(boxes)
    x, y = (points / strides[:, None] - 0.5).T[:, None]  # column and row of each cell

    @torch.inference_mode()
    def run() -> None:
        for image in range(len(boxes)):
            head.get_assignments(
                image, len(boxes[image]), boxes[image], labels[image].float(), predicted[image], strides[None], x, y,
                classes, objectness[..., None],
            )  # fmt: skip

    return finished(run)


def training(count: int, side: int, with_loss: bool) -> Task:
    from yolox.models import YOLOPAFPN, YOLOX, YOLOXHead

    model = YOLOX(YOLOPAFPN(DEPTH, WIDTH), YOLOXHead(CLASSES, WIDTH)).to(DEVICE, memory_format=torch.channels_last)
    losses = model.train().head.get_losses if with_loss else sum_of_outputs
    model.head.get_losses = torch.compiler.disable(losses)
    compiled = torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    weights = [value for value in model.state_dict().values() if value.is_floating_point()]
    average = [value.clone() for value in weights]
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device=DEVICE)
    targets = truth(count)

    def run() -> None:
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16):
            compiled(images.permute(0, 3, 1, 2).float(), targets)["total_loss"].backward()
        optimizer.step()
        torch._foreach_lerp_(average, weights, 1 - DECAY)

    return finished(run)


def prediction(count: int, side: int, precision: str) -> Task:
    """Return a call from pixels to boxes, after the authors' suppression."""
    from yolox.models import YOLOPAFPN, YOLOX, YOLOXHead
    from yolox.utils import postprocess

    model = YOLOX(YOLOPAFPN(DEPTH, WIDTH), YOLOXHead(CLASSES, WIDTH)).to(DEVICE, memory_format=torch.channels_last)
    compiled = torch.compile(model.eval())
    images = on_device(training_batch(count, side)[0])

    @torch.inference_mode()
    def run() -> Any:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bfloat16"):
            found = compiled(images.permute(0, 3, 1, 2).float())
        return postprocess(found.float(), CLASSES, conf_thre=CONFIDENCE, nms_thre=OVERLAP)

    return finished(run)


def truth(count: int) -> torch.Tensor:
    """Return labels and boxes [B, N, 5] of `count` images, eight and padding per image, as the authors' code takes."""
    random = np.random.default_rng(0)
    boxes = centred(on_device(random_boxes(random, (count, OBJECTS))))
    labels = on_device(random.integers(0, CLASSES, (count, OBJECTS, 1), np.int32))
    rows = torch.arange(OBJECTS, device=DEVICE)[:, None]
    return torch.where(rows < REAL, torch.cat([labels, boxes], dim=-1), 0.0)


def centred(boxes: torch.Tensor) -> torch.Tensor:
    """Convert boxes from corners to centres and sides."""
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1)


def sum_of_outputs(*arguments: Any, **_: Any) -> tuple[Any, ...]:
    outputs = next(value for value in arguments if torch.is_tensor(value) and value.ndim == 3 and value.requires_grad)
    return (outputs.float().sum(), 0, 0, 0, 0, 0)


if __name__ == "__main__":
    serve(prepare)
