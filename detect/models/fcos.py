"""FCOS: an anchor-free one-stage detector. Every point within an object predicts the distances to its four sides.

Paper: Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, arXiv 1904.01355, with the improvements of its
second version (arXiv 2006.09214): centre sampling, GIoU loss, and a centre-ness computed from the features of the
boxes. Points can be assigned by ATSS instead (Zhang et al., arXiv 1912.02424).

Reference code: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/fcos.py`, BSD-3-Clause),
whose published weights fit.

Differences from the papers, as in torchvision: distances are the ReLU of the raw values, in strides, where the paper
has exp and a learnt scale for each level; the score of a box is the square root of class score times centre-ness; the
box loss is not weighted.

Differences from torchvision: initial distances are one stride, as in the paper, instead of around 0, where half of them
have no gradient; points are the centres of cells, as in the paper, instead of their corners (`offset`, `spread`);
images are squares of 640 pixels by default, while the published AP is for a short side of 800.
"""

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
from detect.ops.anchors import anchor_boxes, cells, grids, points
from detect.ops.atss import assign_atss, matched_alone
from detect.ops.boxes import clip
from detect.ops.centre_sampling import assign_points, centreness
from detect.ops.coding import decode_distances, encode_distances
from detect.ops.coverage import have_points
from detect.ops.losses import binary_cross_entropy, giou_loss, sigmoid_focal, sum_where, weigh_positives
from detect.ops.matching import NEITHER, gather_rows
from detect.ops.nms import non_maximum_suppression
from detect.ops.replicas import sum_over_replicas
from detect.structures import Candidates, Detections, Targets

STRIDES = (8, 16, 32, 64, 128)
ATSS_SIZE = 8.0  # side of the squares that stand for points (ATSS, section 3.2), in strides


class Config(DetectorConfig):
    """Structure, assignment and loss (second version of the paper, sections 3 and 4)."""

    depth: Literal[18, 34, 50, 101] = 50
    """Number of layers of the ResNet."""
    norm: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone: `frozen` keeps the statistics, scales and offsets of its initial weights."""
    filters: int = 256
    """Channels of the pyramid and the head."""
    layers: int = 4
    """Convolutions of a branch of the head before its last."""
    offset: float = 0.5
    """Position of a point within its cell: 0.5 for the centre, 0 for the top-left corner."""
    spread: bool = False
    """Whether cells fill image sides that are not multiples of their stride, as in torchvision."""
    prior: float = 0.01
    """Initial score of every class."""
    assignment: Literal["fcos", "atss"] = "fcos"
    """How points are assigned to boxes: as in FCOS, or by ATSS."""
    radius: float = 1.5
    """Distance from the centre of a box, in strides, within which points learn it."""
    alpha: float = 0.25
    """Focal loss: weight of the right class of a point; the others have 1 - alpha."""
    gamma: float = 2.0
    """Focal loss: exponent of the discount of well-predicted answers."""
    confidence: float = 0.2
    """Detections in validation need a score above this. Scores are square roots: 0.2 is 0.04 of the product."""
    iou: float = 0.6
    candidates: int = 1000
    """Pairs of box and class of each level that enter suppression, the best by score."""


# Published sizes are for 91 classes, multiply-adds also for 800 x 800 pixels, from which the pyramid has 13,343 cells.
# Ours are for 80 classes: 11 x (9 x 256 + 1) or 0.025 million parameters less, and so many multiply-adds per cell, 0.34
# billion.
VARIANTS = {
    "r18": Variant(Config(depth=18), 640, None, RECIPE, counted=19.28),
    "r34": Variant(Config(depth=34), 640, None, RECIPE, counted=29.39),
    "r50": Variant(Config(depth=50), 640, 39.2, RECIPE, 32.244, 127.87),
    "r101": Variant(Config(depth=101), 640, None, RECIPE, counted=51.29),
}


class Head(Composite):
    """Features of any level [B, h, w, C] -> the predictions of each of its h * w cells, float32.

    They are class logits [B, h * w, K]; distances [B, h * w, 4] to left, top, right and bottom, in strides, not
    negative; and logits of the centre-ness [B, h * w]. One tower computes the classes, another one the rest.
    """

    def __init__(self, classes: int, prior: float, filters: int = 256, layers: int = 4, name: str | None = None):
        super().__init__(name=name)
        self.classes = classes
        self.class_tower = HeadTower(filters, layers, normalized=True, name="class_tower")
        self.box_tower = HeadTower(filters, layers, normalized=True, name="box_tower")
        self.class_logits = head_convolution("class_logits", classes, bias_initializer=prior_bias(prior))
        self.distances = head_convolution("distances", 4, bias_initializer="ones", dtype="float32")
        self.centreness = head_convolution("centreness", 1, dtype="float32")

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        box_features = self.box_tower(features)
        count = tf.shape(features)[1] * tf.shape(features)[2]
        logits = tf.reshape(self.class_logits(self.class_tower(features)), [-1, count, self.classes])
        distances = tf.reshape(tf.nn.relu(self.distances(box_features)), [-1, count, 4])
        return tf.cast(logits, tf.float32), distances, tf.reshape(self.centreness(box_features), [-1, count])


class FCOS(Detector):
    """The detector. Each cell of five levels is a point, which predicts its class, its box and its centre-ness.

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
        self.head = Head(classes, config.prior, config.filters, config.layers, name="head")

    def create_backbone(self) -> keras.layers.Layer:
        """Return the layer from images to features, of which the last three have the strides 8, 16 and 32."""
        return ResNet(self.config.depth, frozen=self.config.norm == "frozen", name="backbone")

    def create_neck(self) -> keras.layers.Layer:
        """Return the layer from these three features to levels of `strides`, which have the same number of channels."""
        return FeaturePyramid(self.config.filters, name="neck")

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions for the points of all levels.

        Returns:
            logits: [B, A, K]. distances: [B, A, 4], left, top, right, bottom, in strides. centreness: [B, A], logits.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        levels = self.neck(self.backbone(images, training=training)[-3:], training=training)
        require_strides(levels, self.strides, images, "neck")
        predictions = zip(*(self.head(level) for level in levels), strict=True)
        logits, distances, centre = (tf.concat(part, axis=1) for part in predictions)
        return {
            "logits": logits,
            "distances": distances,
            "centreness": centre,
            **geometry(images, extents),
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return focal, GIoU and centre-ness loss (paper, equation 2), each over the number of positive points."""
        indices = self._assign(outputs["size"], targets)
        positive = indices >= 0  # [B, A]
        labels = tf.where(positive, gather_rows(targets.labels, indices), -1)
        true_boxes = gather_rows(targets.boxes, indices)
        centre = centreness(encode_distances(true_boxes, *self._points(*outputs["size"])))

        classes = sigmoid_focal(
            outputs["logits"], labels, self.config.alpha, self.config.gamma, targets.looked_for_by_anchor
        )
        classes = weigh_positives(classes, labels, self.class_weights)
        boxes = giou_loss(self._boxes(outputs), true_boxes)
        centres = binary_cross_entropy(outputs["centreness"], centre)
        count = tf.maximum(sum_over_replicas(tf.reduce_sum(tf.cast(positive, tf.float32))), 1)
        return {
            "class": sum_where(indices != NEITHER, classes) / count,
            "box": sum_where(positive, boxes) / count,
            "centreness": sum_where(positive, centres) / count,
        }

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all points, clipped to the image without padding, and their scores.

        A score is the geometric mean of class probability and centre-ness.
        """
        scores = tf.sqrt(tf.sigmoid(outputs["logits"]) * tf.sigmoid(outputs["centreness"])[..., None])
        return Candidates(clip(self._boxes(outputs), outputs["extents"]), scores)

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what suppression within each class leaves of the best candidates of each level."""
        height, width = outputs["size"]
        return non_maximum_suppression(
            *self.candidates(outputs),
            iou=self.config.iou if iou is None else iou,
            **self.config.limits(confidence),
            levels=cells(height, width, self.strides),
            runtime=self.runtime,
        )

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which boxes are given a point."""
        if self.config.assignment == "atss":
            return matched_alone(self._squares(*size), cells(*size, self.strides), boxes)
        strides = np.asarray(self.strides, np.float32)
        ranges, radii = reaches(len(strides)) * strides[:, None], strides * self.config.radius
        return have_points(boxes, self._points(*size)[0], grids(*size, self.strides), ranges, radii)

    def _points(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [A, 2] and strides [A] of all points, pixels."""
        return points(height, width, self.strides, self.config.offset, spread=self.config.spread)

    def _squares(self, height: int, width: int) -> np.ndarray:
        """Return the squares [A, 4] that stand for the points in ATSS, pixels."""
        place = {"offset": self.config.offset, "spread": self.config.spread}
        sizes = tuple((ATSS_SIZE * stride,) for stride in self.strides)
        return anchor_boxes(height, width, self.strides, sizes, (1.0,), rounded=False, **place)

    def _boxes(self, outputs: dict[str, Any]) -> tf.Tensor:
        """Return the predicted boxes [B, A, 4], pixels."""
        return decode_distances(outputs["distances"], *self._points(*outputs["size"]))

    def _assign(self, size: tuple[int, int], targets: Targets) -> tf.Tensor:
        """Return the number of the true box that each point learns: int32 [B, A], see `PointMatches`."""
        lengths = cells(*size, self.strides)
        if self.config.assignment == "atss":
            return assign_atss(self._squares(*size), lengths, *targets.truth, runtime=self.runtime).indices
        positions, strides = self._points(*size)
        ranges = np.repeat(reaches(len(lengths)), lengths, axis=0) * strides[:, None]
        radius, runtime = self.config.radius, self.runtime
        return assign_points(positions, strides, ranges, *targets.truth, radius=radius, runtime=runtime).indices


def reaches(levels: int) -> np.ndarray:
    """Return the range of distances to the farthest side of a box that each level predicts, float32 [levels, 2].

    In strides: 4 to 8, but from 0 at the finest level and without an end at the coarsest (paper, section 3.2).
    """
    ranges = np.tile(np.array([4, 8], np.float32), (levels, 1))
    ranges[0, 0], ranges[-1, 1] = 0, np.inf
    return ranges
