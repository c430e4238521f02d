"""RetinaNet: an anchor-based detector of one stage, trained with the focal loss.

Paper: Lin et al., Focal Loss for Dense Object Detection, arXiv 1708.02002.
Code followed: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/retinanet.py`,
BSD-3-Clause), whose first published weights (`RetinaNet_ResNet50_FPN_Weights.COCO_V1`) fit; their normalisations have
an epsilon of 0.
What differs from the paper, as in torchvision: P6 is computed from P5, boxes learn from L1 instead of smooth L1, and
anchors are whole pixels. What differs from torchvision: losses are divided by the positive anchors of the whole batch,
not image by image; the best `candidates` scores of an image enter suppression, not of each level; where a side is no
multiple of 128, anchors of P6 and P7 keep their stride, where torchvision spreads them over the image; images are
squares of 640 pixels by default, where its published AP is at a short side of 800.
"""

from typing import Any, Literal

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.feature_pyramid import FeaturePyramid
from detect.layers.resnet import ResNet
from detect.models.detector import Detector, DetectorConfig, Variant, sum_over_replicas
from detect.ops.anchors import anchor_boxes
from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas, encode_deltas
from detect.ops.losses import l1, sigmoid_focal
from detect.ops.matching import Matches, gather_rows, match_by_iou
from detect.ops.nms import non_maximum_suppression
from detect.structures import Detections, Targets

STRIDES = (8, 16, 32, 64, 128)
# Four strides, times 2 to the power of 0, 1/3 and 2/3, cut to whole pixels as torchvision does: (32, 40, 50) at P3.
SIZES = tuple(tuple(int(4 * stride * 2 ** (third / 3)) for third in range(3)) for stride in STRIDES)
RATIOS = (0.5, 1.0, 2.0)  # height / width
ANCHORS = len(RATIOS) * 3  # in a cell


class Config(DetectorConfig):
    """Backbone, matching and loss (paper, sections 4 and 5.1)."""

    depth: Literal[18, 34, 50, 101] = 50  # layers of the ResNet
    norm: Literal["batch", "frozen"] = "batch"  # frozen: the backbone keeps the statistics of its weights
    prior: float = 0.01  # score that every class starts at
    foreground: float = 0.5  # IoU from which an anchor is matched to a box
    background: float = 0.4  # IoU below which it is background; between the two it is neither
    alpha: float = 0.25  # focal loss: weight of the positive answers
    gamma: float = 2.0  # focal loss: how much easy answers are discounted


# torchvision `references/detection`; its steps at epochs 16 and 22 are a cosine here.
_RECIPE: dict[str, Any] = {
    "weights": "imagenet",
    "architecture": {"norm": "frozen"},
    "freeze": ["backbone.stem", "backbone.stage1"],
    "epochs": 26,
    "batch_size": 16,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.01,
    "optimizer.reference_batch": 16,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 1e-4,
    "optimizer.clip_norm": None,
    "schedule.warmup": 0.005,  # 1,000 of 190,000 steps
    "schedule.final": 0.01,
    "schedule.closing": 0.0,
    "pipeline.augmentation.scale": [1.0, 1.0],
    "pipeline.augmentation.translate": 0.0,
    "pipeline.augmentation.hue": 0,
    "pipeline.augmentation.saturation": 0,
    "pipeline.augmentation.value": 0,
    "pipeline.augmentation.mosaic": 0.0,
}

VARIANTS = {
    "r18": Variant(Config(depth=18), 640, None, _RECIPE),
    "r34": Variant(Config(depth=34), 640, None, _RECIPE),
    "r50": Variant(Config(depth=50), 640, 36.4, _RECIPE),
    "r101": Variant(Config(depth=101), 640, None, _RECIPE),
}


class Head(Composite):
    """Features of any level [B, h, w, C] -> class logits [B, h * w * 9, K] and box deltas [B, h * w * 9, 4], float32.

    Two towers of four convolutions, one for the classes, one for the boxes (paper, figure 3).
    """

    def __init__(self, classes: int, prior: float, filters: int = 256, name: str | None = None):
        super().__init__(name=name)
        self.classes = classes
        self.class_tower = [convolution(f"class{index}", filters, activation="relu") for index in range(4)]
        self.box_tower = [convolution(f"box{index}", filters, activation="relu") for index in range(4)]
        self.class_logits = convolution("class_logits", ANCHORS * classes, bias_initializer=prior_bias(prior))
        self.box_deltas = convolution("box_deltas", ANCHORS * 4, dtype="float32")

    def call(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        class_features = box_features = features
        for layer in self.class_tower:
            class_features = layer(class_features)
        for layer in self.box_tower:
            box_features = layer(box_features)
        # A cell's channels are its anchors' values one after the other, so rows of anchors need no transposing.
        anchors = tf.shape(features)[1] * tf.shape(features)[2] * ANCHORS
        logits = tf.reshape(self.class_logits(class_features), [-1, anchors, self.classes])
        return tf.cast(logits, tf.float32), tf.reshape(self.box_deltas(box_features), [-1, anchors, 4])


def convolution(name: str, filters: int, **options: Any) -> keras.layers.Conv2D:
    """A 3 x 3 convolution of the head, with the paper's initial values."""
    start = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=start, name=name, **options)


class RetinaNet(Detector):
    """The detector. Each cell of five levels has nine anchors; each anchor says which class it is and where its box is.

    Attributes:
        backbone: with `stem` and `stage1` to `stage4`, names that a training run can freeze.
        neck, head: the rest.
    """

    config: Config

    def __init__(self, config: Config, classes: int, name: str | None = None):
        super().__init__(config, classes, name=name)
        self.backbone = ResNet(config.depth, frozen=config.norm == "frozen", name="backbone")
        self.neck = FeaturePyramid(name="neck")
        self.head = Head(classes, config.prior, name="head")

    def call(self, images: tf.Tensor, targets: Targets | None = None, training: bool = False) -> dict[str, Any]:
        """Raw predictions for the anchors of all levels.

        Returns:
            logits: [B, A, K]. deltas: [B, A, 4], as `decode_deltas` reads them.
            size: height and width of the images, pixels.
        """
        _, stride8, stride16, stride32 = self.backbone(images, training=training)
        levels = self.neck([stride8, stride16, stride32], training=training)
        logits, deltas = zip(*(self.head(level, training=training) for level in levels), strict=True)
        size = (images.shape[1], images.shape[2])
        return {"logits": tf.concat(logits, axis=1), "deltas": tf.concat(deltas, axis=1), "size": size}

    def loss(self, outputs: dict[str, Any], targets: Targets) -> dict[str, tf.Tensor]:
        """Focal loss of the classes and L1 of the box deltas, each over the number of positive anchors."""
        anchors = anchor_boxes(*outputs["size"], STRIDES, SIZES, RATIOS)
        matches = self._match(anchors, targets)
        positive = matches.indices >= 0  # [B, A]
        labels = tf.where(positive, gather_rows(targets.labels, matches.indices), -1)
        classes = sigmoid_focal(outputs["logits"], labels, self.config.alpha, self.config.gamma)

        true_deltas = encode_deltas(anchors, gather_rows(targets.boxes, matches.indices))
        boxes = tf.reduce_sum(l1(outputs["deltas"], true_deltas), axis=-1)

        count = tf.maximum(sum_over_replicas(tf.reduce_sum(tf.cast(positive, tf.float32))), 1)
        return {
            "class": _sum_where(matches.indices != -2, classes) / count,
            "box": _sum_where(positive, boxes) / count,
        }

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Boxes within the image; suppression is per class."""
        height, width = outputs["size"]
        boxes = decode_deltas(anchor_boxes(height, width, STRIDES, SIZES, RATIOS), outputs["deltas"])
        return non_maximum_suppression(
            clip(boxes, height, width),
            tf.sigmoid(outputs["logits"]),
            iou=self.config.iou if iou is None else iou,
            confidence=self.config.confidence if confidence is None else confidence,
            max_detections=self.config.max_detections,
            candidates=self.config.candidates,
        )

    def _match(self, anchors, targets: Targets) -> Matches:
        thresholds = {"foreground": self.config.foreground, "background": self.config.background}
        return match_by_iou(anchors, *targets, **thresholds, low_quality=True)


def _sum_where(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.where(mask, values, 0))
