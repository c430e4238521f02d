"""RetinaNet: an anchor-based one-stage detector, trained with the focal loss.

Paper: Lin et al., Focal Loss for Dense Object Detection, arXiv 1708.02002. Anchors can be matched by ATSS instead of
IoU thresholds (Zhang et al., arXiv 1912.02424).

Reference code: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/retinanet.py`,
BSD-3-Clause), whose published weights fit. Rows `r18` to `r101` have the structure of its first version, whose P6 is
computed from P5 and whose box loss is L1. Row `r50v2` is its second version
(https://github.com/pytorch/vision/pull/5756), where P6 is computed from C5 as in the paper, the head has group
normalisation, and the box loss is GIoU.

Differences from the paper: the above, and anchors are whole pixels.

Differences from torchvision: losses are divided by the number of positive anchors of the whole batch instead of each
image; images are squares of 640 pixels by default, while the published AP is for a short side of 800.
"""

import functools
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.feature_pyramid import FeaturePyramid
from detect.layers.head_tower import HeadTower, head_convolution
from detect.layers.keras_backbone import require_strides
from detect.layers.resnet import ResNet
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.suppression import Suppression
from detect.models.torchvision_recipe import RECIPE
from detect.ops.anchors import anchor_boxes, cells, grids
from detect.ops.atss import assign_atss, matched_alone
from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas, encode_deltas
from detect.ops.coverage import best_overlaps, by_cell
from detect.ops.losses import giou_loss, l1, sigmoid_focal, sum_where, weigh_positives
from detect.ops.matching import NEITHER, Matches, gather_rows, match_by_iou
from detect.ops.nms import non_maximum_suppression
from detect.ops.replicas import sum_over_replicas
from detect.structures import Candidates, Detections, Targets

STRIDES = (8, 16, 32, 64, 128)
RATIOS = (0.5, 1.0, 2.0)  # height / width
ANCHORS = len(RATIOS) * 3  # in a cell


class Config(DetectorConfig):
    """Structure, matching and loss (paper, sections 4 and 5.1)."""

    depth: Literal[18, 34, 50, 101] = 50
    """Number of layers of the ResNet."""
    norm: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone: `frozen` keeps the statistics, scales and offsets of its initial weights."""
    epsilon: float = 1e-5
    """Added to the variances by the normalisations of the backbone."""
    filters: int = 256
    """Channels of the pyramid and the head."""
    layers: int = 4
    """Convolutions of a branch of the head before its last."""
    coarse: Literal["p5", "c5"] = "p5"
    """Features from which P6 is computed."""
    head_norm: Literal["none", "group"] = "none"
    """Normalisation in the head."""
    spread: bool = False
    """Whether cells fill image sides that are not multiples of their stride, as in torchvision."""
    prior: float = 0.01
    """Initial score of every class."""
    assignment: Literal["iou", "atss"] = "iou"
    """How anchors are matched to boxes: by their IoU, or by ATSS."""
    foreground: float = 0.5
    """IoU from which an anchor is matched to a box."""
    background: float = 0.4
    """IoU below which an anchor is background; between the two it is neither."""
    alpha: float = 0.25
    """Focal loss: weight of the right class of an anchor; the others have 1 - alpha."""
    gamma: float = 2.0
    """Focal loss: exponent of the discount of well-predicted answers."""
    box_loss: Literal["l1", "giou"] = "l1"
    """Loss of boxes."""
    candidates: int = 1000
    """Pairs of box and class of each level that enter suppression, the best by score."""


# https://github.com/pytorch/vision/pull/5756
_RECIPE_V2 = {
    **RECIPE,
    "architecture": {"norm": "batch"},
    "sizes": list(range(480, 801, 32)),
    "optimizer.name": "adamw",
    "optimizer.learning_rate": 1e-4,
    "optimizer.weight_decay": 0.05,
}

# Published sizes are for 91 classes, multiply-adds also for 800 x 800 pixels, from which the pyramid has 13,343 cells.
# Ours are for 80 classes: 9 anchors x 11 classes x (9 x 256 + 1) or 0.228 million parameters less, and so many
# multiply-adds per cell, 3.04 billion.
VARIANTS = {
    "r18": Variant(Config(depth=18), 640, None, RECIPE, counted=20.82),
    "r34": Variant(Config(depth=34), 640, None, RECIPE, counted=30.93),
    "r50": Variant(Config(depth=50), 640, 36.4, RECIPE, 33.787, 148.50),
    "r50v2": Variant(
        Config(depth=50, coarse="c5", head_norm="group", box_loss="giou"), 640, 41.5, _RECIPE_V2, 37.971, 149.19
    ),
    "r101": Variant(Config(depth=101), 640, None, RECIPE, counted=52.83),
}


class Head(Composite):
    """Features of any level [B, h, w, C] -> class logits [B, h * w * 9, K] and box deltas [B, h * w * 9, 4], float32.

    One tower computes the classes, another one the boxes (paper, figure 3).

    Args:
        classes: K.
        prior: initial score of every class.
        filters: channels of the towers.
        layers: convolutions of a tower.
        normalized: whether the towers have group normalisation.
    """

    def __init__(
        self,
        classes: int,
        prior: float,
        filters: int = 256,
        layers: int = 4,
        normalized: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.classes = classes
        tower = functools.partial(HeadTower, filters, layers, normalized=normalized, bias=not normalized)
        self.class_tower, self.box_tower = tower(name="class_tower"), tower(name="box_tower")
        self.class_logits = head_convolution("class_logits", ANCHORS * classes, bias_initializer=prior_bias(prior))
        self.box_deltas = head_convolution("box_deltas", ANCHORS * 4, dtype="float32")

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The channels of a cell are the values of its anchors in sequence, so nothing has to be transposed.
        anchors = tf.shape(features)[1] * tf.shape(features)[2] * ANCHORS
        logits = tf.reshape(self.class_logits(self.class_tower(features)), [-1, anchors, self.classes])
        deltas = tf.reshape(self.box_deltas(self.box_tower(features)), [-1, anchors, 4])
        return tf.cast(logits, tf.float32), deltas


class RetinaNet(Detector):
    """The detector. Each cell of five levels has nine anchors, and each anchor predicts its class and its box.

    Subclasses may have another backbone, another neck and other levels.

    Attributes:
        backbone: has `stem` and `stage1` to `stage4`, which a training run can freeze by these names.
        neck, head: the other parts of the network.
        strides: of the levels that the neck returns, pixels.
    """

    config: Config
    strides: tuple[int, ...] = STRIDES

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(max_detections=config.max_detections)
        self.backbone, self.neck = self.create_backbone(), self.create_neck()
        size = config.filters, config.layers
        self.head = Head(classes, config.prior, *size, config.head_norm == "group", name="head")

    def create_backbone(self) -> keras.layers.Layer:
        """Return the layer from images to features, of which the last three have the strides 8, 16 and 32."""
        return ResNet(self.config.depth, self.config.norm == "frozen", self.config.epsilon, name="backbone")

    def create_neck(self) -> keras.layers.Layer:
        """Return the layer from these three features to levels of `strides`, which have the same number of channels."""
        return FeaturePyramid(self.config.filters, coarse=self.config.coarse, name="neck")

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions for the anchors of all levels.

        Returns:
            logits: [B, A, K]. deltas: [B, A, 4], as `decode_deltas` reads them.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        levels = self.neck(self.backbone(images, training=training)[-3:], training=training)
        require_strides(levels, self.strides, images, "neck")
        logits, deltas = zip(*(self.head(level) for level in levels), strict=True)
        return {
            "logits": tf.concat(logits, axis=1),
            "deltas": tf.concat(deltas, axis=1),
            **geometry(images, extents),
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the focal loss of classes, and L1 of deltas or GIoU of boxes, over the number of positive anchors."""
        matches = self._match(outputs["size"], targets)
        positive = matches.indices >= 0  # [B, A]
        labels = tf.where(positive, gather_rows(targets.labels, matches.indices), -1)
        classes = sigmoid_focal(
            outputs["logits"], labels, self.config.alpha, self.config.gamma, targets.looked_for_by_anchor
        )
        classes = weigh_positives(classes, labels, self.class_weights)
        boxes = self._box_loss(outputs, gather_rows(targets.boxes, matches.indices))

        count = tf.maximum(sum_over_replicas(tf.reduce_sum(tf.cast(positive, tf.float32))), 1)
        return {
            "class": sum_where(matches.indices != NEITHER, classes) / count,
            "box": sum_where(positive, boxes) / count,
        }

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all anchors, clipped to the image without padding, and their class probabilities."""
        boxes = decode_deltas(self._anchors(*outputs["size"]), outputs["deltas"])
        return Candidates(clip(boxes, outputs["extents"]), tf.sigmoid(outputs["logits"]))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what suppression within each class leaves of the best candidates of each level."""
        return non_maximum_suppression(
            *self.candidates(outputs),
            iou=self.config.iou if iou is None else iou,
            **self.config.limits(confidence),
            levels=self._levels(*outputs["size"]),
            runtime=self.runtime,
        )

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which boxes an anchor overlaps by `foreground`. Others are left to the anchors that overlap them most.

        With ATSS, return which boxes it gives an anchor.
        """
        if self.config.assignment == "atss":
            return matched_alone(self._anchors(*size), self._levels(*size), boxes, candidates=9 * ANCHORS)
        levels = by_cell(self._anchors(*size), grids(*size, self.strides), [ANCHORS] * len(self.strides))
        return best_overlaps(boxes, levels) >= self.config.foreground

    def _anchors(self, height: int, width: int) -> np.ndarray:
        sizes = anchor_sizes(self.strides)
        return anchor_boxes(height, width, self.strides, sizes, RATIOS, spread=self.config.spread)

    def _levels(self, height: int, width: int) -> tuple[int, ...]:
        """Return the number of anchors of each level."""
        return tuple(ANCHORS * number for number in cells(height, width, self.strides))

    def _match(self, size: tuple[int, int], targets: Targets) -> Matches:
        if self.config.assignment == "atss":
            levels, nearest = self._levels(*size), 9 * ANCHORS
            return assign_atss(self._anchors(*size), levels, *targets.truth, candidates=nearest, runtime=self.runtime)
        return match_by_iou(
            self._anchors(*size),
            *targets.truth,
            foreground=self.config.foreground,
            background=self.config.background,
            low_quality=True,
            runtime=self.runtime,
        )

    def _box_loss(self, outputs: dict[str, Any], true_boxes: tf.Tensor) -> tf.Tensor:
        """Return the loss of each anchor's box, [B, A]; any finite number where the anchor is not positive."""
        anchors = self._anchors(*outputs["size"])
        if self.config.box_loss == "giou":
            return giou_loss(decode_deltas(anchors, outputs["deltas"]), true_boxes)
        return tf.reduce_sum(l1(outputs["deltas"], encode_deltas(anchors, true_boxes)), axis=-1)


def anchor_sizes(strides: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the three sizes of the anchors of each level, pixels.

    They are four strides times 2 to the power of 0, 1/3 and 2/3, rounded down to whole pixels as in torchvision: 32, 40
    and 50 at P3.
    """
    return tuple(tuple(int(4 * stride * 2 ** (third / 3)) for third in range(3)) for stride in strides)
