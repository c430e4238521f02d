"""Tasks of `workers.py`: steps of detectors in PyTorch, as on a GPU: in bfloat16 where that is safe, channels last.

train NAME COUNT SIDE               torchvision's RetinaNet and Faster R-CNN, and D-FINE of `transformers`
predict NAME COUNT SIDE PRECISION   from pixels to boxes

With the word `eager` before it, nothing is compiled; else PyTorch compiles the networks. Matching, losses and
suppression run as their authors wrote them: their shapes depend on the images, so they would be compiled again and
again.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measuring.operands import CLASSES, CONFIDENCE, OVERLAP, training_batch
from measuring.serving import Task, serve
from measuring.torch_device import DEVICE, finished, on_device, without_compiler

RATE, DECAY = 1e-3, 0.99  # learning rate, and decay of the average
PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}
torch.backends.cudnn.benchmark = True
torch.set_float32_matmul_precision("high")  # TF32, as XLA does


def prepare(task: str) -> Task:
    what, name, count, side, *precision = without_compiler(task).split()
    images, boxes, labels = training_batch(int(count), int(side))
    if what == "predict":
        return finished(predicting(detector_of(name), images, precision[0]))
    if name.startswith("dfine"):
        return finished(training_dfine(name, images, boxes, labels))
    model = compiled(detector_of(name).train())
    targets = [
        {"boxes": on_device(box[label >= 0]), "labels": on_device(label[label >= 0].astype(np.int64)) + 1}
        for box, label in zip(boxes, labels, strict=True)
    ]
    pixels = on_device(images)
    step = update_of(model, torch.optim.SGD(model.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4))
    return finished(lambda: step(lambda: sum(model(as_list(pixels), targets).values())))


def detector_of(name: str) -> torch.nn.Module:
    """Return torchvision's model with the structure of ours of that name, whose images are not resized."""
    import torchvision
    from measuring.batches import TWINS

    build = getattr(torchvision.models.detection, TWINS[name])
    settings = {"score_thresh": CONFIDENCE, "nms_thresh": OVERLAP} if name.startswith("retinanet") else {}
    model = build(weights=None, weights_backbone=None, num_classes=CLASSES + 1, trainable_backbone_layers=5, **settings)
    model.transform.resize = lambda image, target=None: (image, target)
    return model.to(DEVICE, memory_format=torch.channels_last)


def compiled(model: torch.nn.Module) -> torch.nn.Module:
    """Return torchvision's model with its networks compiled."""
    model.backbone.forward = torch.compile(model.backbone.forward)
    if hasattr(model, "head"):
        model.head.forward = torch.compile(model.head.forward)
    else:
        model.rpn.head.forward = torch.compile(model.rpn.head.forward)
        for part in (model.roi_heads.box_head, model.roi_heads.box_predictor):
            part.forward = torch.compile(part.forward)
    return model


def as_list(pixels: torch.Tensor) -> list[torch.Tensor]:
    return list(pixels.permute(0, 3, 1, 2).float() / 255)


def update_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer, limit: float = 0.0) -> Callable[..., None]:
    """Return a call that makes a step with a loss: gradients, update, average."""
    weights = [value for value in model.state_dict().values() if value.is_floating_point()]
    average = [value.clone() for value in weights]

    def step(loss: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16):
            total = loss()
        total.backward()
        if limit:
            torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        optimizer.step()
        torch._foreach_lerp_(average, weights, 1 - DECAY)

    return step


def training_dfine(name: str, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """Return a step of AdamW; the backbone, the encoder and the decoder are compiled."""
    from measuring.transformers_models import CLIP_NORM, create

    model = create(name).to(DEVICE, memory_format=torch.channels_last).train()
    for part in (model.model.backbone, model.model.encoder):
        part.forward = torch.compile(part.forward)
    middles, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    relative = np.concatenate([middles, sides], axis=-1) / images.shape[1]
    targets = [
        {"boxes": on_device(box[label >= 0]), "class_labels": on_device(label[label >= 0].astype(np.int64))}
        for box, label in zip(relative.astype(np.float32), labels, strict=True)
    ]
    pixels = on_device(images)
    step = update_of(model, torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-4), CLIP_NORM)
    return lambda: step(lambda: model(pixels.permute(0, 3, 1, 2).float() / 255, labels=targets).loss)


def predicting(model: torch.nn.Module, images: np.ndarray, precision: str) -> Callable[[], Any]:
    """Return a call from pixels to boxes."""
    model, pixels = compiled(model.eval()), on_device(images)

    @torch.inference_mode()
    def run() -> Any:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bfloat16"):
            return model(as_list(pixels))

    return run


if __name__ == "__main__":
    serve(prepare)
