"""SSD: a one-stage detector with default boxes of many sizes and shapes, trained with the hardest negatives.

Paper: Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325.

Reference code: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/ssd.py`, BSD-3-Clause),
whose published weights (`SSD300_VGG16_Weights.COCO_V1`) fit.

Differences: of the best 400 boxes of each class, all of which torchvision passes to suppression, only those are passed
that are also among the best `candidates` pairs of box and class of the image. An image without boxes has as many
negatives as one with a single positive, where torchvision learns nothing from it.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.dilated_convolution import DilatedConvolution
from detect.layers.vgg import VGG16
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.multibox import by_box, join_maps, multibox_candidates, multibox_losses, multibox_overlaps
from detect.models.suppression import Suppression
from detect.ops.coverage import Grids
from detect.ops.default_boxes import default_boxes
from detect.ops.nms import non_maximum_suppression
from detect.structures import Candidates, Detections, Targets

STEPS = (8, 16, 32, 64, 100, 300)  # pixels between the cells of the six maps
SCALES = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)  # of the boxes of each map and one more, shares of the image
RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))


class Config(DetectorConfig):
    """Size, matching and loss (paper, section 2.2)."""

    width: float = 1.0
    """Factor on the number of channels."""
    foreground: float = 0.5
    """IoU from which a default box is matched to a box."""
    negatives: float = 3.0
    """Negative default boxes in the loss for each positive one, those with the largest losses."""
    confidence: float = 0.01
    iou: float = 0.45
    max_detections: int = 200
    candidates: int = 2000
    class_candidates: int = 400
    """Pairs of one class among the candidates that enter suppression, the best by score."""


# torchvision, `references/detection`: 8 GPUs with 4 images each; a cosine instead of its steps at epochs 80 and 110.
_RECIPE: dict[str, Any] = {
    "weights": "imagenet",
    "freeze": ["backbone.stage1"],
    "epochs": 120,
    "batch_size": 32,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.002,
    "optimizer.reference_batch": 32,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 5e-4,
    "optimizer.clip_norm": None,
    "schedule.warmup": 0.01,
    "schedule.final": 0.01,
    "schedule.closing": 0.0,
    "pipeline.augmentation.scale": [0.25, 2.0],  # stands for zooming out by up to 4 and cropping by overlap
    "pipeline.augmentation.translate": 0.5,
    "pipeline.augmentation.hue": 9,
    "pipeline.augmentation.saturation": 64,
    "pipeline.augmentation.value": 32,
    "pipeline.augmentation.mosaic": 0.0,
}

# Published figures are for 91 columns of class logits. Ours has 81, which are 10 x 133,662 parameters and 10 x 49.8
# million multiply-adds less.
VARIANTS = {"vgg16": Variant(Config(), 300, 25.1, _RECIPE, 34.305, 34.36)}


class Rescale(Composite):
    """Normalise features [B, h, w, C] to length 1 at each place and scale each channel (paper, section 3.1)."""

    def build(self, input_shape) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=shape, initializer=keras.initializers.Constant(20.0))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.math.l2_normalize(inputs, axis=-1) * self.scale


class ExtraMap(Composite):
    """A 1 x 1 and a 3 x 3 convolution to a coarser map: half the size, or two rows and columns less."""

    def __init__(self, filters: int, halves: bool, name: str | None = None):
        super().__init__(name=name)
        self.halves = halves
        self.reduce = keras.layers.Conv2D(filters // 2, 1, activation="relu", name="reduce")
        self.shrink = keras.layers.Conv2D(filters, 3, strides=2 if halves else 1, activation="relu", name="shrink")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        features = self.reduce(inputs)
        return self.shrink(tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]]) if self.halves else features)


class HeadLevel(Composite):
    """A feature map [B, h, w, C] -> class logits [B, a, K + 1] and box deltas [B, a, 4] of its default boxes, float32.

    a is h * w * `boxes`. The last column of the logits is that of the background.
    """

    def __init__(self, classes: int, boxes: int, name: str | None = None):
        super().__init__(name=name)
        self.columns = classes + 1
        options = {"kernel_size": 3, "padding": "same", "dtype": "float32"}
        self.class_logits = keras.layers.Conv2D(boxes * self.columns, name="class_logits", **options)
        self.box_deltas = keras.layers.Conv2D(boxes * 4, name="box_deltas", **options)

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return by_box(self.class_logits(features), self.columns), by_box(self.box_deltas(features), 4)


class SSD(Detector):
    """The detector. Each cell of six feature maps has four or six default boxes, each with a class and a box.

    Attributes:
        backbone: has `stage1` to `stage5`, which a training run can freeze by these names.
        rescale, dilated, pointwise, extra: compute the six maps from its features.
        head: one level per map.
    """

    config: Config
    size_divisor = 1
    smallest_side = 300  # the maps shrink to a single cell

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(max_detections=config.max_detections)
        self.backbone = VGG16(config.width, name="backbone")
        self.rescale = Rescale(name="rescale")
        wide, *others = (int(filters * config.width) for filters in (1024, 512, 256, 256, 256))
        self.dilated = DilatedConvolution(wide, 6, name="dilated")
        self.pointwise = keras.layers.Conv2D(wide, 1, activation="relu", name="pointwise")
        self.extra = [ExtraMap(filters, index < 2, name=f"extra{index}") for index, filters in enumerate(others)]
        self.head = [
            HeadLevel(classes, 2 + 2 * len(ratios), name=f"head{index}") for index, ratios in enumerate(RATIOS)
        ]

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions for the default boxes of all maps.

        Returns:
            logits and deltas: see `join_maps`.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        *_, stride8, stride16 = self.backbone(images, training=training)
        features = tf.nn.max_pool2d(stride16, 3, 1, "SAME")
        maps = [self.rescale(stride8), self.pointwise(tf.nn.relu(self.dilated(features)))]
        for extra in self.extra:
            maps.append(extra(maps[-1]))
        predictions = [level(features) for level, features in zip(self.head, maps, strict=True)]
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
    """Return the rows and columns of the maps of an image: 300 pixels become 38, 19, 10, 5, 3 and 1."""
    return tuple(zip(_cells(height), _cells(width), strict=True))


def _cells(pixels: int) -> list[int]:
    """Return the number of cells of each map along a side of the image. One of three halvings rounds up."""
    lengths = [math.ceil(pixels // 4 / 2)]
    lengths.append(lengths[-1] // 2)
    lengths += [math.ceil(lengths[-1] / 2), math.ceil(lengths[-1] / 4)]
    return [*lengths, lengths[-1] - 2, lengths[-1] - 4]


def _boxes(height: int, width: int) -> np.ndarray:
    return default_boxes(height, width, map_sizes(height, width), SCALES, RATIOS, STEPS)
