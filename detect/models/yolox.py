"""YOLOX: an anchor-free one-stage detector with a decoupled head and dynamic label assignment (SimOTA).

Paper: Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv 2107.08430.

Authors' code: https://github.com/Megvii-BaseDetection/YOLOX (Apache-2.0), `yolox/models/`, `yolox/exp/`.

Differences: ignored regions, which theirs does not have, are not background; losses are divided by the number of
foreground cells of all replicas together; a box may be detected in several classes, in theirs only in the best.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import ConvolutionBlock, fan_in_uniform, prior_bias, spatial_block
from detect.layers.csp_darknet import CspDarknet
from detect.layers.keras_backbone import require_strides
from detect.layers.path_aggregation import PathAggregationPyramid
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.suppression import Suppression
from detect.ops.anchors import points
from detect.ops.assignment import sim_ota
from detect.ops.boxes import clip
from detect.ops.coding import decode_yolox, encode_yolox
from detect.ops.losses import absence_loss, binary_cross_entropy, l1, squared_iou_loss, sum_where, weigh_positives
from detect.ops.matching import gather_rows
from detect.ops.nms import non_maximum_suppression
from detect.ops.replicas import sum_over_replicas
from detect.structures import Candidates, Detections, Targets

STRIDES = (8, 16, 32)


class Config(DetectorConfig):
    """Size and loss of the network."""

    depth: float = 1.0
    """Factor on the number of bottlenecks."""
    width: float = 1.0
    """Factor on the number of channels."""
    separable: bool = False
    """Whether convolutions are depthwise separable instead of dense."""
    prior: float = 0.01
    """Initial score of every class, and initial objectness."""
    box_weight: float = 5.0
    """Weight of the IoU loss; the other losses have 1."""
    confidence: float = 0.01
    iou: float = 0.65


# `yolox/exp/yolox_base.py`; shares are of its 300 epochs.
_RECIPE: dict[str, Any] = {
    "epochs": 300,
    "sizes": list(range(480, 801, 32)),
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.01,
    "optimizer.reference_batch": 64,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 5e-4,
    "optimizer.clip_norm": None,
    "schedule.warmup": 5 / 300,
    "schedule.warmup_power": 2,
    "schedule.final": 0.05,
    "schedule.hold": 15 / 300,
    "schedule.closing": 15 / 300,
    "average.decay": 0.9998,
    "pipeline.augmentation.mosaic": 1.0,
    "pipeline.augmentation.mixup": 1.0,
    "pipeline.augmentation.mixup_scale": [0.5, 1.5],
    "pipeline.augmentation.scale": [0.1, 2.0],
    "pipeline.augmentation.rotate_degrees": 10.0,
    "pipeline.augmentation.shear_degrees": 2.0,
    "pipeline.augmentation.translate": 0.1,
    "pipeline.augmentation.flip_horizontal": 0.5,
    "pipeline.augmentation.hue": 5,
    "pipeline.augmentation.saturation": 30,
    "pipeline.augmentation.value": 30,
}
# `exps/default/yolox_tiny.py` and `yolox_nano.py`
_TINY_RECIPE = {
    **_RECIPE,
    "sizes": list(range(320, 641, 32)),
    "pipeline.augmentation.mixup": 0.0,
    "pipeline.augmentation.scale": [0.5, 1.5],
}
_NANO_RECIPE = {**_TINY_RECIPE, "pipeline.augmentation.mosaic": 0.5}

VARIANTS = {
    # Not the authors'. For training on a CPU, where dense 3 x 3 convolutions of this width are faster than nano's
    # depthwise ones.
    "micro": Variant(Config(depth=0.33, width=0.25), 416, None, _NANO_RECIPE, counted=2.26),
    "nano": Variant(Config(depth=0.33, width=0.25, separable=True), 416, 25.8, _NANO_RECIPE, 0.91, 0.54),
    "tiny": Variant(Config(depth=0.33, width=0.375), 416, 32.8, _TINY_RECIPE, 5.06, 3.225),
    "s": Variant(Config(depth=0.33, width=0.5), 640, 40.5, _RECIPE, 8.97, 13.4),
    "m": Variant(Config(depth=0.67, width=0.75), 640, 46.9, _RECIPE, 25.33, 36.9),
    "l": Variant(Config(depth=1.0, width=1.0), 640, 49.7, _RECIPE, 54.21, 77.8),
    "x": Variant(Config(depth=1.33, width=1.25), 640, 51.1, _RECIPE, 99.07, 140.95),
}


class HeadLevel(Composite):
    """The decoupled head of one level: features [B, h, w, C] -> predictions of its h * w cells.

    They are offsets [B, h * w, 4], objectness logits [B, h * w] and class logits [B, h * w, K], float32 whatever the
    compute precision. One branch computes the class logits, another one offsets and objectness.

    Args:
        filters: channels of the branches.
        classes: K.
        prior: initial score of every class, and initial objectness.
        separable: whether convolutions are depthwise separable instead of dense.
    """

    def __init__(self, filters: int, classes: int, prior: float, separable: bool, name: str | None = None):
        super().__init__(name=name)
        self.classes = classes
        self.stem = ConvolutionBlock(filters, name="stem")
        self.class_blocks = tower("class", filters, separable)
        self.box_blocks = tower("box", filters, separable)
        limit = filters**-0.5
        self.class_logits = prediction("class_logits", classes, prior_bias(prior))
        self.offsets = prediction("offsets", 4, keras.initializers.RandomUniform(-limit, limit))
        self.objectness = prediction("objectness", 1, prior_bias(prior))

    def call(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        stem = class_features = box_features = self.stem(features, training=training)
        for block in self.class_blocks:
            class_features = block(class_features, training=training)
        for block in self.box_blocks:
            box_features = block(box_features, training=training)
        batch, cells = tf.shape(stem)[0], tf.shape(stem)[1] * tf.shape(stem)[2]
        return (
            tf.reshape(self.offsets(box_features), [batch, cells, 4]),
            tf.reshape(self.objectness(box_features), [batch, cells]),
            tf.reshape(self.class_logits(class_features), [batch, cells, self.classes]),
        )


def tower(name: str, filters: int, separable: bool) -> list[Composite]:
    """Return the two blocks of a branch."""
    return [spatial_block(filters, 3, separable=separable, name=f"{name}{index}") for index in range(2)]


def prediction(name: str, filters: int, bias: keras.initializers.Initializer) -> keras.layers.Conv2D:
    """Return a 1 x 1 convolution for the final values."""
    return keras.layers.Conv2D(
        filters, 1, kernel_initializer=fan_in_uniform(), bias_initializer=bias, dtype="float32", name=name
    )


class YOLOX(Detector):
    """The detector. A cell predicts a box, whether it has an object (objectness), and its class.

    The L1 loss is added in the closing phase of a training run, as the authors do. Subclasses may have another
    backbone, another neck and other levels.

    Attributes:
        backbone, neck, head: the parts of the network; the head has a part for each level.
        strides: of the levels that the neck returns, pixels.
    """

    config: Config
    strides: tuple[int, ...] = STRIDES

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(max_detections=config.max_detections, clips_first=False)
        self.backbone, self.neck = self.create_backbone(), self.create_neck()
        filters = self._filters()[0]
        self.head = [
            HeadLevel(filters, classes, config.prior, config.separable, name=f"head{stride}") for stride in self.strides
        ]

    def create_backbone(self) -> keras.layers.Layer:
        """Return the layer from images to features at strides 8, 16 and 32."""
        config = self.config
        depth = round(3 * config.depth)
        return CspDarknet(int(64 * config.width), depth, config.separable, self.runtime, name="backbone")

    def create_neck(self) -> keras.layers.Layer:
        """Return the layer from these features to levels of `strides`."""
        return PathAggregationPyramid(self._filters(), round(3 * self.config.depth), self.config.separable, name="neck")

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions, float32, for every cell of all levels.

        Returns:
            offsets: [B, A, 4], as `decode_yolox` reads them. objectness: [B, A], logits. class_logits: [B, A, K].
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        levels = self.neck(self.backbone(images, training=training), training=training)
        require_strides(levels, self.strides, images, "neck")
        predictions = [head(level, training=training) for head, level in zip(self.head, levels, strict=True)]
        offsets, objectness, class_logits = (tf.concat(part, axis=1) for part in zip(*predictions, strict=True))
        return {
            "offsets": offsets,
            "objectness": objectness,
            "class_logits": class_logits,
            **geometry(images, extents),
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return box, objectness, class and L1 loss (paper, section 2.1), each over the number of foreground cells."""
        corners, strides = points(*outputs["size"], self.strides, offset=0.0)
        boxes = decode_yolox(outputs["offsets"], corners, strides)
        assigned = self._assign(outputs, boxes, targets)
        true_boxes = gather_rows(targets.boxes, assigned.indices)
        foreground = tf.cast(assigned.foreground, tf.float32)

        box = squared_iou_loss(boxes, true_boxes)
        objectness = self._objectness_loss(outputs, assigned.foreground, targets)
        offsets = tf.reduce_sum(l1(outputs["offsets"], encode_yolox(true_boxes, corners, strides)), axis=-1)
        labels = gather_rows(targets.labels, assigned.indices)
        classes = self._class_loss(outputs["class_logits"], labels, assigned.ious, targets)

        count = tf.maximum(sum_over_replicas(tf.reduce_sum(foreground)), 1)
        return {
            "box": self.config.box_weight * sum_where(assigned.foreground, box) / count,
            "objectness": sum_where(~assigned.ignored, objectness) / count,
            "class": sum_where(assigned.foreground, classes) / count,
            "l1": closing * sum_where(assigned.foreground, offsets) / count,
        }

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all cells; scores are objectness times class probability."""
        boxes = decode_yolox(outputs["offsets"], *points(*outputs["size"], self.strides, offset=0.0))
        return Candidates(boxes, tf.sigmoid(outputs["objectness"])[..., None] * tf.sigmoid(outputs["class_logits"]))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what suppression within each class leaves of the candidates, clipped to the image."""
        found = non_maximum_suppression(
            *self.candidates(outputs),
            iou=self.config.iou if iou is None else iou,
            **self.config.limits(confidence),
            runtime=self.runtime,
        )
        return found._replace(boxes=clip(found.boxes, outputs["extents"]))

    def _class_loss(self, logits: tf.Tensor, labels: tf.Tensor, ious: tf.Tensor, targets: Targets) -> tf.Tensor:
        """Return the class loss of each cell, as if all were foreground.

        Args:
            logits: [B, A, K].
            labels: of the true box of each cell, [B, A].
            ious: those of the predicted boxes with these, [B, A]: what the scores of their classes should be.
            targets: the true boxes.

        Returns:
            [B, A].
        """
        own = tf.one_hot(labels, self.classes)
        losses = binary_cross_entropy(logits, own * ious[..., None])
        if targets.looked_for is not None:
            losses = tf.where((own > 0) | targets.looked_for_by_anchor, losses, 0.0)
        return weigh_positives(tf.reduce_sum(losses, axis=-1), labels, self.class_weights)

    def _objectness_loss(self, outputs: dict[str, Any], foreground: tf.Tensor, targets: Targets) -> tf.Tensor:
        """Return the objectness loss of each cell, [B, A].

        Where not all classes were looked for, a cell that is not foreground may have an object of another class. By the
        model's own scores, the probability of that is the product of 1 - p over the classes that were looked for.
        """
        losses = binary_cross_entropy(outputs["objectness"], tf.cast(foreground, tf.float32))
        if targets.looked_for is None:
            return losses
        no = -tf.math.softplus(outputs["class_logits"])  # log(1 - p)
        log_not_looked_for = tf.reduce_sum(tf.where(targets.looked_for_by_anchor, no, 0.0), axis=-1)
        complete = tf.reduce_all(targets.looked_for, axis=1, keepdims=True)
        absent = absence_loss(outputs["objectness"], tf.where(complete, -math.inf, log_not_looked_for))
        return tf.where(foreground, losses, absent)

    def _assign(self, outputs, boxes, targets):
        logits, cells = (outputs["class_logits"], outputs["objectness"]), points(*outputs["size"], self.strides)
        return sim_ota(boxes, *logits, *cells, *targets.truth, looked_for=targets.looked_for, runtime=self.runtime)

    def _filters(self) -> tuple[int, int, int]:
        """Return the channels at strides 8, 16 and 32."""
        low, middle, high = (int(level * self.config.width) for level in (256, 512, 1024))
        return low, middle, high
