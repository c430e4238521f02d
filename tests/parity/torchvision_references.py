"""torchvision's detectors, built as for their published weights, but with random ones.

Random weights give scores that are all alike, so the last layers are scaled until some objects stand out.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest import mock

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # torchvision's RoIAlign in Python must run uncompiled

import numpy as np
import torch


def define_suppression() -> None:
    """Define operators in plain PyTorch, for a torchvision that was built for another PyTorch."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", greedy_suppression, "CPU")
    globals()["_library"] = library  # its definitions live as long as it does


def greedy_suppression(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the positions of the boxes [n, 4] that greedy suppression keeps, best first."""
    left = scores.argsort(descending=True, stable=True)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        corners = torch.maximum(boxes[best, :2], boxes[left, :2]), torch.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = (corners[1] - corners[0]).clamp(min=0).prod(dim=1)
        left = left[~(shared / (area[best] + area[left] - shared) > threshold)]  # empty boxes, 0 / 0, stay
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.long)


try:
    import torchvision
except RuntimeError:  # "operator torchvision::nms does not exist"
    define_suppression()
    import torchvision

    torchvision.ops.boxes._assert_has_ops = lambda: None

from torchvision.models import detection  # noqa: E402

COLUMNS = 91  # of torchvision's class layers: the background or nothing, then the ids of COCO


@dataclass(frozen=True)
class Last:
    """A last layer, and the mean and deviation that its outputs, those of all levels together, are scaled to."""

    path: str  # of the module in the model
    mean: float
    deviation: float
    background: float = 0.0  # added to the background's logits, against which softmax weighs the others


@dataclass(frozen=True)
class Reference:
    """One of torchvision's detectors."""

    build: Callable[..., torch.nn.Module]
    weights: object  # what is published for it
    stages: tuple[tuple[Last, ...], ...]  # the last layers of each stage

    def model(self) -> torch.nn.Module:
        """Build the detector that the published weights belong to, with random weights that are the same each time."""
        with (
            mock.patch.object(type(self.weights), "get_state_dict"),
            mock.patch.object(torch.nn.Module, "load_state_dict"),
        ):
            model = self.build(weights=self.weights).eval()
        draw_weights(model)
        return model

    @torch.inference_mode()
    def spread_scores(self, model: torch.nn.Module, picture: torch.Tensor) -> None:
        """Scale the last layers by their outputs for `picture`, float32 [3, H, W] in 0..1."""
        for stage in self.stages:
            layers = [(layer, last) for last in stage for layer in last_layers(model.get_submodule(last.path))]
            outputs: list[list[torch.Tensor]] = [[] for _ in layers]
            hooks = [
                layer.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output.flatten()))
                for (layer, _), kept in zip(layers, outputs, strict=True)
            ]
            model([picture])
            for hook, (layer, last), kept in zip(hooks, layers, outputs, strict=True):
                hook.remove()
                scale_outputs(layer, torch.cat(kept), last)


def draw_weights(model: torch.nn.Module) -> None:
    """Fill a model with random values that keep its features within bounds; no statistics are 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.dim() > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif name.endswith("weight"):  # of normalisations; smaller for the last one of a residual block
            value.mul_(torch.empty_like(value).uniform_(0.5, 1, generator=generator))
            value.mul_(0.2 if name.endswith("bn3.weight") else 1)
        elif value.is_floating_point():
            value.normal_(0, 0.1, generator=generator)


def last_layers(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield a layer itself, the last layer of a sequence, or the last layers of a list of levels."""
    if isinstance(module, torch.nn.ModuleList):
        for child in module:
            yield from last_layers(child)
    else:
        yield module[-1] if isinstance(module, torch.nn.Sequential) else module


def scale_outputs(layer: torch.nn.Module, outputs: torch.Tensor, last: Last) -> None:
    """Change weight and bias of the layer that gave `outputs`, so that they get the wanted mean and deviation."""
    factor = last.deviation / outputs.std()
    layer.weight.mul_(factor)
    layer.bias.sub_(outputs.mean()).mul_(factor).add_(last.mean)
    if last.background:
        layer.bias[::COLUMNS] += last.background


Levels = list[np.ndarray]  # of each pyramid level, float32 [anchors, values]


@torch.inference_mode()
def raw_outputs(model: torch.nn.Module, image: np.ndarray) -> dict[str, Levels]:
    """Return the outputs of the head, or of the first stage's, for a uint8 RGB image [H, W, 3] without resizing it."""
    features = list(model.backbone(normalized(model, image)).values())
    if hasattr(model, "rpn"):
        objectness, deltas = model.rpn.head(features)
        anchors = model.rpn.anchor_generator.num_anchors_per_location()
        return {
            "objectness": [by_anchor(level, count) for level, count in zip(objectness, anchors, strict=True)],
            "anchor_deltas": [by_anchor(level, count) for level, count in zip(deltas, anchors, strict=True)],
        }
    anchors = model.anchor_generator.num_anchors_per_location()
    lengths = [count * level.shape[2] * level.shape[3] for count, level in zip(anchors, features, strict=True)]
    outputs = model.head(features)
    return {name: [part.numpy() for part in values[0].split(lengths)] for name, values in outputs.items()}


def by_anchor(values: torch.Tensor, anchors: int) -> np.ndarray:
    """Reorder [1, anchors * n, h, w] to [h * w * anchors, n], with the anchors of a cell one after the other."""
    return values[0].unflatten(0, (anchors, -1)).permute(2, 3, 0, 1).flatten(0, 2).numpy()


@torch.inference_mode()
def second_stage(model: torch.nn.Module, image: np.ndarray, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits [R, 91] and deltas [R, 91, 4] for regions [R, 4] of an image as `raw_outputs` takes it."""
    heads = model.roi_heads
    features = model.backbone(normalized(model, image))
    pooled = heads.box_roi_pool(features, [torch.from_numpy(regions)], [image.shape[:2]])
    logits, deltas = heads.box_predictor(heads.box_head(pooled))
    return logits.numpy(), deltas.unflatten(1, (-1, 4)).numpy()


def normalized(model: torch.nn.Module, image: np.ndarray) -> torch.Tensor:
    """Return a uint8 RGB image [H, W, 3] as float32 [1, 3, H, W], normalised by the model's transform."""
    return model.transform.normalize(as_tensor(image))[None]


def as_tensor(image: np.ndarray) -> torch.Tensor:
    """Return a uint8 RGB image [H, W, 3] as float32 [3, H, W] in 0..1, the form that torchvision's detectors take."""
    return torch.from_numpy(image).permute(2, 0, 1) / 255


@torch.inference_mode()
def best_detections(
    model: torch.nn.Module, image: np.ndarray, count: int, resize: bool = True
) -> tuple[dict[str, np.ndarray], float]:
    """Return the best boxes in a uint8 RGB image, with scores and labels, and the score of the last of them.

    That score becomes the model's threshold, so that no limit on the number of candidates is reached. `resize` says
    whether the model's transform may resize the image.
    """
    heads = getattr(model, "roi_heads", model)
    as_it_is = mock.patch.object(model.transform, "resize", lambda image, target: (image, target))
    with contextlib.nullcontext() if resize else as_it_is:
        (all_of_them,) = model([as_tensor(image)])
        confidence = float(all_of_them["scores"][:count][-1])
        with mock.patch.object(heads, "score_thresh", confidence):
            (found,) = model([as_tensor(image)])
    return {name: value.numpy() for name, value in found.items()}, confidence


def silence(model: torch.nn.Module, columns: list[int]) -> None:
    """Keep a model with sigmoid scores from ever finding the classes of these columns."""
    bias = model.head.classification_head.cls_logits.bias
    bias.data.view(-1, COLUMNS)[:, columns] = -100


_CLASSES = Last("head.classification_head.cls_logits", -3.0, 0.25)
_BOXES = Last("head.regression_head.bbox_reg", 0.0, 0.05)
_DISTANCES = Last("head.regression_head.bbox_reg", 3.0, 0.05)
_CENTRE = Last("head.regression_head.bbox_ctrness", 0.0, 0.25)
_SSD_CLASSES = Last("head.classification_head.module_list", 0.0, 0.5, background=2.0)
_SSDLITE_CLASSES = Last("head.classification_head.module_list", 0.0, 1.0, background=3.0)
_SSD_BOXES = Last("head.regression_head.module_list", 0.0, 0.1)
_TWO_STAGES = (
    (Last("rpn.head.cls_logits", 0.0, 1.0), Last("rpn.head.bbox_pred", 0.0, 0.05)),
    (
        Last("roi_heads.box_predictor.cls_score", 0.0, 1.0, background=3.0),
        Last("roi_heads.box_predictor.bbox_pred", 0.0, 0.2),
    ),
)

REFERENCES = {  # by the name of the checkpoint
    "retinanet-r50-coco": Reference(
        detection.retinanet_resnet50_fpn,
        detection.RetinaNet_ResNet50_FPN_Weights.COCO_V1,
        ((_CLASSES, _BOXES),),
    ),
    "retinanet-r50v2-coco": Reference(
        detection.retinanet_resnet50_fpn_v2,
        detection.RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1,
        ((_CLASSES, _BOXES),),
    ),
    "fcos-r50-coco": Reference(
        detection.fcos_resnet50_fpn,
        detection.FCOS_ResNet50_FPN_Weights.COCO_V1,
        ((_CLASSES, _DISTANCES, _CENTRE),),
    ),
    "ssd-vgg16-coco": Reference(
        detection.ssd300_vgg16, detection.SSD300_VGG16_Weights.COCO_V1, ((_SSD_CLASSES, _SSD_BOXES),)
    ),
    "ssdlite-mobilenetv3-coco": Reference(
        detection.ssdlite320_mobilenet_v3_large,
        detection.SSDLite320_MobileNet_V3_Large_Weights.COCO_V1,
        ((_SSDLITE_CLASSES, _SSD_BOXES),),
    ),
    "fasterrcnn-r50-coco": Reference(
        detection.fasterrcnn_resnet50_fpn, detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1, _TWO_STAGES
    ),
    "fasterrcnn-r50v2-coco": Reference(
        detection.fasterrcnn_resnet50_fpn_v2, detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1, _TWO_STAGES
    ),
    "fasterrcnn-mobilenetv3-coco": Reference(
        detection.fasterrcnn_mobilenet_v3_large_320_fpn,
        detection.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
        _TWO_STAGES,
    ),
}
