"""EfficientDet: a one-stage detector whose backbone, neck, heads and images are scaled together.

Paper: Tan, Pang and Le, EfficientDet: Scalable and Efficient Object Detection, arXiv 1911.09070.

Authors' code: https://github.com/google/automl (Apache-2.0), `efficientdet/tf2/`, `hparams_config.py`.

Differences: losses are divided by the number of positive anchors of all replicas plus one, theirs by that of each
replica; ignored regions, which theirs leaves out of training, are not background; a box may be detected in several
classes; a side of a box is at most 62.5 times that of its anchor; the IoU of soft suppression is that of the boxes, to
whose sides theirs adds a pixel.
"""

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.bifpn import BiFpn
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.efficientnet import EfficientNet, activation
from detect.layers.same_convolution import SeparableConvolution
from detect.layers.sampling_seed import SamplingSeed
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.suppression import Suppression
from detect.ops.anchors import grids, shared_array
from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas, encode_deltas
from detect.ops.coverage import best_overlaps, by_cell
from detect.ops.losses import huber, sigmoid_focal, sum_where, weigh_positives
from detect.ops.matching import NEITHER, gather_rows, match_default_boxes
from detect.ops.replicas import sum_over_replicas
from detect.ops.soft_suppression import soft_nms
from detect.structures import Candidates, Detections, Targets

OCTAVES = 3  # sizes of anchors from one level to the next
RATIOS = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))  # width and height of anchors
LITE_RATIOS = ((1.0, 1.0), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))  # those of the code when Lite was trained


class Config(DetectorConfig):
    """Size and loss of the network (paper, sections 4 and 5.1)."""

    width: float = 1.0
    """Backbone: factor on the number of channels."""
    depth: float = 1.0
    """Backbone: factor on the number of blocks."""
    lite: bool = False
    """Whether this is the variant for mobile hardware, with ReLU6 and without squeeze-and-excitation."""
    stochastic: bool = True
    """Whether training leaves out blocks of the backbone at random."""
    filters: int = 64
    """Channels of neck and heads."""
    cells: int = 3
    """Cells of the neck."""
    layers: int = 3
    """Convolutions of a head before its last."""
    levels: int = 5
    """Levels of the pyramid, from stride 8."""
    weighted: bool = True
    """Whether the neck fuses features with learnt weights."""
    anchor_scale: float = 4.0
    """Side of the smallest anchor of a level, in strides."""
    ratios: tuple[tuple[float, float], ...] = RATIOS
    """Widths and heights of anchors, relative to their size."""
    prior: float = 0.01
    """Initial score of every class."""
    foreground: float = 0.5
    """IoU from which an anchor is matched to a box; below, it is background."""
    alpha: float = 0.25
    """Focal loss: weight of the right class of an anchor; the others have 1 - alpha."""
    gamma: float = 1.5
    """Focal loss: exponent of the discount of well-predicted answers."""
    delta: float = 0.1
    """Huber loss: difference from which it is linear."""
    box_weight: float = 50.0
    """Weight of the Huber loss; the focal loss has 1."""
    sigma: float = 0.5
    """Soft suppression: the smaller, the more the scores of overlapping boxes are lowered."""
    confidence: float = 0.001
    candidates: int = 5000


# `hparams_config.py`; shares are of its 300 epochs. The authors start from backbones trained on ImageNet.
_RECIPE: dict[str, Any] = {
    "epochs": 300,
    "batch_size": 64,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.08,
    "optimizer.reference_batch": 64,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 4e-5,
    "optimizer.clip_norm": 10.0,
    "schedule.warmup": 1 / 300,
    "schedule.final": 0.0,
    "schedule.closing": 0.0,
    "average.decay": 0.9998,
    "pipeline.augmentation.scale": [0.1, 2.0],
    "pipeline.augmentation.flip_horizontal": 0.5,
    "pipeline.augmentation.hue": 0,
    "pipeline.augmentation.saturation": 0,
    "pipeline.augmentation.value": 0,
    "pipeline.augmentation.mosaic": 0.0,
}
_LONG_RECIPE = {**_RECIPE, "epochs": 600, "schedule.warmup": 1 / 600}


def _published(millions: float, filters: int) -> float:
    """Return the parameters for 80 classes, in millions; those published are for 90, each with 9 columns and biases."""
    return millions - 10 * 9 * (filters + 1) / 1e6


def _row(size, ap, parameters, multiply_adds, *, filters, recipe=_RECIPE, **settings) -> Variant:
    config = Config(filters=filters, **settings)
    return Variant(config, size, ap, recipe, _published(parameters, filters), multiply_adds)


_wide = functools.partial(_row, filters=384, cells=8, layers=5, weighted=False, recipe=_LONG_RECIPE)
_lite = functools.partial(_row, lite=True, weighted=False, ratios=LITE_RATIOS)

# Sizes are from `hparams_config.py`, APs from the README, parameters and multiply-adds from
# `efficientdet_arch_test.py`.
VARIANTS = {
    "d0": _row(512, 34.3, 3.880067, 2.551, filters=64, cells=3, layers=3, stochastic=False),
    "d1": _row(640, 40.2, 6.625898, 6.134, filters=88, cells=4, layers=3, depth=1.1),
    "d2": _row(768, 43.5, 8.097039, 11.05, filters=112, cells=5, layers=3, width=1.1, depth=1.2),
    "d3": _row(896, 46.8, 12.032296, 24.98, filters=160, cells=6, layers=4, width=1.2, depth=1.4),
    "d4": _row(1024, 49.3, 20.723675, 55.35, filters=224, cells=7, layers=4, width=1.4, depth=1.8),
    "d5": _row(1280, 51.2, 33.653315, 135.7, filters=288, cells=7, layers=4, width=1.6, depth=2.2),
    "d6": _wide(1280, 52.1, 51.871782, 226.0, width=1.8, depth=2.6, recipe=_RECIPE),
    "d7": _wide(1536, 53.4, 51.871782, 325.5, width=1.8, depth=2.6, anchor_scale=5.0),
    "d7x": _wide(1536, 54.4, 77.0, 410.0, width=2.0, depth=3.1, levels=6),  # all figures from the README
    "lite0": _lite(320, 26.41, 3.243470, 0.9776, filters=64, cells=3, layers=3, anchor_scale=3.0),
    "lite1": _lite(384, 31.50, 4.248318, 1.974, filters=88, cells=4, layers=3, depth=1.1, anchor_scale=3.0),
    "lite2": _lite(448, 35.06, 5.252334, 3.383, filters=112, cells=5, layers=3, width=1.1, depth=1.2, anchor_scale=3.0),
    "lite3": _lite(512, 38.77, 8.350862, 7.504, filters=160, cells=6, layers=4, width=1.2, depth=1.4),
    "lite4": _lite(640, 43.18, 15.130894, 20.22, filters=224, cells=7, layers=4, width=1.4, depth=1.8),
}


class Head(Composite):
    """Levels of features [B, h, w, C] -> `values` numbers for each anchor of all levels: [B, A, values], float32.

    The levels share the filters, and each has its own normalisations.

    Args:
        values: numbers per anchor.
        layers: number of convolutions before the last.
        last: the last convolution, whose outputs are the numbers.
        config: settings of the model.
    """

    def __init__(self, values: int, layers: int, last: SeparableConvolution, config: Config, name: str | None = None):
        super().__init__(name=name)
        self.values = values
        self.activation = activation(config.lite)
        self.filters = config.filters
        self.convolutions = [
            SeparableConvolution(config.filters, "variance_scaling", name=f"convolution{index}")
            for index in range(layers)
        ]
        self.normalizations = [  # level by level
            BatchNormalization(name=f"normalization{index}_p{level + 3}")
            for level in range(config.levels)
            for index in range(layers)
        ]
        self.last = last

    def build(self, input_shape) -> None:
        for normalization in self.normalizations:
            normalization.build((None, None, None, self.filters))

    def call(self, levels: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        outputs = []
        normalizations = iter(self.normalizations)
        for features in levels:
            for convolution in self.convolutions:
                options = {"normalization": next(normalizations), "training": training}
                features = self.activation(convolution(features, **options))
            # The channels of a cell are the values of its anchors in sequence, so nothing has to be transposed.
            anchors = math.prod(features.shape[1:3]) * self.last.filters // self.values
            outputs.append(tf.reshape(self.last(features), [-1, anchors, self.values]))
        return tf.cast(tf.concat(outputs, axis=1), tf.float32)


class EfficientDet(Detector):
    """The detector. Each cell of all levels has nine anchors, and each anchor predicts its class and its box.

    Attributes:
        backbone, neck, class_head, box_head: the parts of the network.
        seed: determines the blocks that stochastic depth leaves out.
    """

    config: Config
    seed: SamplingSeed

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(
            max_detections=config.max_detections,
            candidates=config.candidates,
            clips_first=False,
            soft_sigma=config.sigma,
        )
        self.seed = SamplingSeed()
        self.backbone = EfficientNet(config.width, config.depth, config.lite, config.stochastic, name="backbone")
        self.neck = BiFpn(
            config.filters, config.cells, config.levels, config.weighted, activation(config.lite), name="neck"
        )
        anchors = OCTAVES * len(config.ratios)
        start = "variance_scaling"
        logits = SeparableConvolution(anchors * classes, start, prior_bias(config.prior), name="class_logits")
        deltas = SeparableConvolution(anchors * 4, start, name="box_deltas", dtype="float32")
        self.class_head = Head(classes, config.layers, logits, config, name="class_head")
        self.box_head = Head(4, config.layers, deltas, config, name="box_head")

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions for the anchors of all levels.

        Returns:
            logits: [B, A, K]. deltas: [B, A, 4], as `decode_deltas` reads them.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        seed = self.seed.next() if training and self.config.stochastic else None
        levels = self.neck(self.backbone(images, training=training, seed=seed), training=training)
        return {
            "logits": self.class_head(levels, training=training),
            "deltas": self.box_head(levels, training=training),
            **geometry(images, extents),
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return focal loss of classes and Huber loss of box deltas, over the number of positive anchors plus one."""
        anchors = self._anchors(*outputs["size"])
        matches = match_default_boxes(anchors, *targets.truth, foreground=self.config.foreground, runtime=self.runtime)
        positive = matches.indices >= 0  # [B, A]
        labels = tf.where(positive, gather_rows(targets.labels, matches.indices), -1)
        classes = sigmoid_focal(
            outputs["logits"], labels, self.config.alpha, self.config.gamma, targets.looked_for_by_anchor
        )
        classes = weigh_positives(classes, labels, self.class_weights)

        true_deltas = encode_deltas(anchors, gather_rows(targets.boxes, matches.indices))
        boxes = tf.reduce_mean(huber(outputs["deltas"], true_deltas, self.config.delta), axis=-1)

        count = sum_over_replicas(tf.reduce_sum(tf.cast(positive, tf.float32))) + 1
        return {
            "class": sum_where(matches.indices != NEITHER, classes) / count,
            "box": self.config.box_weight * sum_where(positive, boxes) / count,
        }

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all anchors and their class probabilities."""
        boxes = decode_deltas(self._anchors(*outputs["size"]), outputs["deltas"])
        return Candidates(boxes, tf.sigmoid(outputs["logits"]))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what soft suppression within each class leaves of the candidates; `iou` has no use here."""
        limits = self.config.limits(confidence)
        found = soft_nms(*self.candidates(outputs), sigma=self.config.sigma, **limits, runtime=self.runtime)
        return found._replace(boxes=clip(found.boxes, outputs["extents"]))

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which boxes an anchor overlaps by `foreground`. Others are left to the one that overlaps them most."""
        config = self.config
        numbers = [OCTAVES * len(config.ratios)] * config.levels
        levels = by_cell(self._anchors(*size), octave_grids(*size, config.levels), numbers)
        return best_overlaps(boxes, levels) >= config.foreground

    def _anchors(self, height: int, width: int) -> np.ndarray:
        return octave_anchors(height, width, self.config.levels, self.config.anchor_scale, self.config.ratios)


@functools.lru_cache(maxsize=64)
def octave_anchors(
    height: int, width: int, levels: int, scale: float, ratios: tuple[tuple[float, float], ...]
) -> np.ndarray:
    """Return the anchors of an image, around the centres of cells, as in `tf2/anchors.py`.

    The cells of a level are spread evenly over the image. Where the image is not a multiple of them, cells are not
    squares, and neither are anchors of ratio (1, 1).

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        levels: number of levels, from P3.
        scale: side of the smallest anchor of a level, in cells.
        ratios: widths and heights of anchors, relative to their size.

    Returns:
        float32 [A, 4], pixels, read-only.
    """
    boxes = []
    for rows, columns in octave_grids(height, width, levels):
        cell = np.array([width / columns, height / rows])
        y, x = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, indexing="ij")
        centres = np.stack([x.ravel(), y.ravel()], axis=-1)[:, None] * cell  # [cells, 1, 2]
        sizes = [2 ** (octave / OCTAVES) * np.array(ratio) for octave in range(OCTAVES) for ratio in ratios]
        half = scale * cell * np.array(sizes) / 2  # [9, 2]
        boxes.append(np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4))
    return shared_array(np.concatenate(boxes))


def octave_grids(height: int, width: int, levels: int) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns of the levels from P3: each has half those of the one before it, rounded up."""
    return grids(height, width, tuple(2**level for level in range(3, levels + 3)))
