"""SSDLite: SSD for phones, with a MobileNetV3 and depthwise convolutions in its head.

Papers: Howard et al., Searching for MobileNetV3, arXiv 1905.02244, section 6.3; Sandler et al., MobileNetV2, arXiv
1801.04381, section 6.2. SSD: Liu et al., arXiv 1512.02325.

Reference code: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/ssdlite.py`,
BSD-3-Clause), whose published weights (`SSDLite320_MobileNet_V3_Large_Weights.COCO_V1`) fit.

Differences: of the best 300 boxes of each class, all of which torchvision passes to suppression, only those are passed
that are also among the best `candidates` pairs of box and class of the image. An image without boxes has as many
negatives as one with a single positive, where torchvision learns nothing from it.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.mobilenet import MobileNetV3Large
from detect.layers.normalized_convolution import NormalizedConvolution, NormalizedDepthwise
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.multibox import by_box, join_maps, multibox_candidates, multibox_losses, multibox_overlaps
from detect.models.suppression import Suppression
from detect.ops.anchors import grids
from detect.ops.coverage import Grids
from detect.ops.default_boxes import default_boxes
from detect.ops.nms import non_maximum_suppression
from detect.structures import Candidates, Detections, Targets

STRIDES = (16, 32, 64, 128, 256, 512)
MAPS = len(STRIDES)
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)  # of the boxes of each map and one more, shares of the image
RATIOS = ((2, 3),) * MAPS
BOXES = 6  # per cell: two squares, two shapes of each ratio
HALF_RANGE = (127.5, 127.5, 127.5)  # mean and deviation with which pixels become -1 to 1


class Config(DetectorConfig):
    """Size, matching and loss."""

    width: float = 1.0
    """Factor on the number of channels."""
    reduced_tail: bool = True
    """Whether the last blocks of the backbone have half the channels. ImageNet weights are published for the whole ones
    only."""
    foreground: float = 0.5
    """IoU from which a default box is matched to a box."""
    negatives: float = 3.0
    """Negative default boxes in the loss for each positive one, those with the largest losses."""
    confidence: float = 0.001
    iou: float = 0.55
    max_detections: int = 300
    candidates: int = 2000
    class_candidates: int = 300
    """Pairs of one class among the candidates that enter suppression, the best by score."""


# torchvision, `references/detection`: 8 GPUs with 24 images each.
_RECIPE: dict[str, Any] = {
    "weights": "none",
    "epochs": 660,
    "batch_size": 192,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.15,
    "optimizer.reference_batch": 192,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 4e-5,
    "optimizer.clip_norm": None,
    "schedule.warmup": 0.002,
    "schedule.final": 0.0,
    "schedule.closing": 0.0,
    "pipeline.augmentation.scale": [1.0, 2.0],  # stands for cropping by overlap
    "pipeline.augmentation.translate": 0.5,
    "pipeline.augmentation.hue": 0,
    "pipeline.augmentation.saturation": 0,
    "pipeline.augmentation.value": 0,
    "pipeline.augmentation.mosaic": 0.0,
}

# Published figures are for 91 columns of class logits. Ours has 81, which are 10 x 13,860 parameters and 10 x 2.0
# million multiply-adds less.
VARIANTS = {"mobilenetv3": Variant(Config(), 320, 21.3, _RECIPE, 3.301, 0.563)}


def start() -> keras.initializers.Initializer:
    """Return the initializer of all kernels, with which torchvision trains from scratch."""
    return keras.initializers.RandomNormal(stddev=0.03)


def normalization() -> dict[str, Any]:
    """Return the options of every `NormalizedLayer`."""
    return {"epsilon": 1e-3, "momentum": 0.97, "initializer": start()}


class ExtraMap(Composite):
    """1 x 1, depthwise and 1 x 1 convolution, normalised, with ReLU6, to a map of half the size, rounded up."""

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.layers: list[NormalizedConvolution | NormalizedDepthwise] = [
            NormalizedConvolution(filters // 2, 1, name="reduce", **normalization()),
            NormalizedDepthwise(3, 2, name="depthwise", **normalization()),
            NormalizedConvolution(filters, 1, name="restore", **normalization()),
        ]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = inputs
        for layer in self.layers:
            features = tf.nn.relu6(layer(features, training=training))
        return features


class HeadLevel(Composite):
    """A feature map [B, h, w, C] -> class logits [B, a, K + 1] and box deltas [B, a, 4] of its default boxes, float32.

    a is h * w * 6. The last column of the logits is that of the background.
    """

    def __init__(self, classes: int, name: str | None = None):
        super().__init__(name=name)
        self.columns = classes + 1
        self.class_depthwise = NormalizedDepthwise(3, name="class_depthwise", **normalization())
        self.class_logits = prediction("class_logits", BOXES * self.columns)
        self.box_depthwise = NormalizedDepthwise(3, name="box_depthwise", **normalization())
        self.box_deltas = prediction("box_deltas", BOXES * 4)

    def call(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        class_features = tf.nn.relu6(self.class_depthwise(features, training=training))
        box_features = tf.nn.relu6(self.box_depthwise(features, training=training))
        return by_box(self.class_logits(class_features), self.columns), by_box(self.box_deltas(box_features), 4)


def prediction(name: str, filters: int) -> keras.layers.Conv2D:
    """Return a 1 x 1 convolution for the final values."""
    return keras.layers.Conv2D(filters, 1, kernel_initializer=start(), dtype="float32", name=name)


class SSDLite(Detector):
    """The detector. Each cell of six feature maps has six default boxes, each with a class and a box.

    Attributes:
        backbone: has `stem` and `stage1` to `stage5`, which a training run can freeze by these names.
        extra: compute the last four maps.
        head: one level per map.
    """

    config: Config
    size_divisor = 1

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(max_detections=config.max_detections)
        self.backbone = MobileNetV3Large(
            config.width, config.reduced_tail, HALF_RANGE, HALF_RANGE, name="backbone", **normalization()
        )
        self.extra = [
            ExtraMap(max(16, int(filters * config.width)), name=f"extra{index}")
            for index, filters in enumerate((512, 256, 256, 128))
        ]
        self.head = [HeadLevel(classes, name=f"head{index}") for index in range(MAPS)]

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions for the default boxes of all maps.

        Returns:
            logits and deltas: see `join_maps`.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        features = self.backbone(images, training=training)
        maps = [features.expanded16, features.last32]
        for extra in self.extra:
            maps.append(extra(maps[-1], training=training))
        predictions = [level(features, training=training) for level, features in zip(self.head, maps, strict=True)]
        return {**join_maps(predictions), **geometry(images, extents)}

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the softmax loss of classes and the smooth L1 loss of box deltas, see `multibox_losses`."""
        return multibox_losses(
            outputs,
            _boxes(*outputs["size"]),
            targets,
            foreground=self.config.foreground,
            negatives=self.config.negatives,
            class_weights=self.class_weights,
            runtime=self.runtime,
        )

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all default boxes and their class probabilities, see `multibox_candidates`."""
        return multibox_candidates(outputs, _boxes(*outputs["size"]))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what suppression within each class leaves of the best candidates of that class."""
        return non_maximum_suppression(
            *self.candidates(outputs),
            iou=self.config.iou if iou is None else iou,
            **self.config.limits(confidence),
            of_class=self.config.class_candidates,
            runtime=self.runtime,
        )

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which boxes a default box overlaps by `foreground`. Others have only the best one."""
        overlaps = multibox_overlaps(boxes, _boxes(*size), map_sizes(*size), RATIOS)
        return overlaps >= self.config.foreground


def map_sizes(height: int, width: int) -> Grids:
    """Return the rows and columns of the maps of an image: each has half those of the one before it, rounded up."""
    return grids(height, width, STRIDES)


def _boxes(height: int, width: int) -> np.ndarray:
    return default_boxes(height, width, map_sizes(height, width), SCALES, RATIOS)
