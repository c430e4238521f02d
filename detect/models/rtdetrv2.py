"""RT-DETRv2: a transformer detector without suppression, fast because attention over features has one level only.

Papers: Lv et al., RT-DETRv2: Improved Baseline with Bag-of-Freebies for Real-Time Detection Transformer, arXiv
2407.17140; Zhao et al., DETRs Beat YOLOs on Real-time Object Detection, arXiv 2304.08069.

Authors' code: https://github.com/lyuwenyu/RT-DETR (Apache-2.0), `rtdetrv2_pytorch/src/zoo/rtdetr/` and
`rtdetrv2_pytorch/configs/rtdetrv2/`.

Differences: images need not be square, and position codes then follow their rows, see `layers/hybrid_encoder.py`; there
are fewer queries than asked for where the features have fewer tokens; the number of denoising queries is fixed, see
`ops/denoising.py`; ignored regions, which theirs does not have, are not background.
"""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from detect.layers.attention import Perceptron
from detect.layers.class_contents import ClassContents
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.decoder_layer import Decoded, DecoderLayer
from detect.layers.hybrid_encoder import HybridEncoder
from detect.layers.keras_backbone import require_strides
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.query_selection import QuerySelection
from detect.layers.resnet_vd import ResNetVD
from detect.models.denoising_detector import DenoisingDetector
from detect.models.detector import DetectorConfig, Variant
from detect.models.detr_recipe import detr_recipe
from detect.models.query_losses import QueryLoss
from detect.ops.deformable import Method
from detect.ops.relative_boxes import logit
from detect.structures import Targets

STRIDES = (8, 16, 32)
HEADS = 8  # of all attentions
LOSS = QueryLoss(scores="varifocal")


class Config(DetectorConfig):
    """Size and loss of the network."""

    depth: Literal[18, 34, 50, 101] = 50
    """Number of layers of the ResNet."""
    norm: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone: `frozen` keeps the statistics, scales and offsets of its initial weights."""
    filters: int = 256
    """Channels of the levels."""
    encoder_hidden: int = 1024
    """Channels within the perceptron of the encoder."""
    expansion: float = 1.0
    """Factor on the number of channels within the blocks in which levels are fused."""
    channels: int = 256
    """Channels of queries."""
    hidden: int = 1024
    """Channels within the perceptrons of the decoder."""
    layers: int = 6
    """Layers of the decoder."""
    points: tuple[int, int, int] = (4, 4, 4)
    """Points of each level that a head of the decoder looks at."""
    sampling: Literal["bilinear", "discrete"] = "bilinear"
    """How a point is read: interpolated between four cells, or rounded to one."""
    queries: int = 300
    """Queries: boxes per image."""
    prior: float = 0.01
    """Initial score of every class."""
    denoising: int = 100
    """Denoising queries in training, pairs of a positive and a negative one; 0: none."""
    label_noise: float = 0.5
    """Twice the probability that a denoising query has a random class."""
    box_noise: float = 1.0
    """Scale of the noise of the boxes of denoising queries."""
    confidence: float = 0.001


def _recipe(epochs: int, closing: int, backbone_factor: float, **settings: Any) -> dict[str, Any]:
    """Return a recipe of `configs/rtdetrv2/`; for the arguments see `detr_recipe`."""
    sizes = [480, 512, 544, 576, 608, 640, 640, 640, 672, 704, 736, 768, 800]
    return detr_recipe(epochs, closing, 16, 2000, 1e-4, backbone_factor, {"sizes": sizes, **settings})


_FROZEN = {"architecture": {"norm": "frozen"}, "freeze": ["backbone.stem"]}
# APs are from the README of `rtdetrv2_pytorch`. That of the repository counts two operations for each multiply-add. The
# parameters, which both round to 20, 31, 42 and 76 million, are those of the same networks in `transformers`.
VARIANTS = {
    "r18": Variant(Config(depth=18, expansion=0.5, layers=3), 640, 48.1, _recipe(120, 3, 1.0, sizes=[]), 20.184, 30.0),
    "r34": Variant(Config(depth=34, expansion=0.5, layers=4), 640, 49.9, _recipe(120, 3, 0.5), 31.442, 46.0),
    "r50": Variant(Config(depth=50), 640, 53.4, _recipe(72, 1, 0.1, **_FROZEN), 42.945, 68.0),
    "r101": Variant(
        Config(depth=101, filters=384, encoder_hidden=2048), 640, 54.3, _recipe(72, 1, 0.01, **_FROZEN), 76.662, 129.5
    ),
}


class BoxDecoder(Composite):
    """Queries and their first boxes -> class logits and boxes of every layer, which moves the boxes of the one before.

    Args:
        channels: D.
        classes: K.
        layers: L.
        hidden: channels within the perceptron of a layer.
        points: of the deformable attention, for each level.
        sampling: how a point is read.
        prior: initial score of every class.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        layers: int,
        hidden: int,
        points: tuple[int, ...],
        sampling: Method,
        prior: float,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        self.position = Perceptron((2 * channels, channels), name="position")
        self.layers = [
            DecoderLayer(channels, HEADS, hidden, points, method=sampling, name=f"layer{index}")
            for index in range(layers)
        ]
        bias = prior_bias(prior)
        self.class_logits = [
            keras.layers.Dense(classes, bias_initializer=bias, dtype="float32", name=f"class_logits{index}")
            for index in range(layers)
        ]
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.moves = [Perceptron((channels, channels, 4), last=last, name=f"moves{index}") for index in range(layers)]

    def call(
        self,
        queries: tf.Tensor,
        boxes: tf.Tensor,
        memory: tf.Tensor,
        sizes: Sequence[tuple[int, int]],
        attention_mask: tf.Tensor | None = None,
    ) -> Decoded:
        """Return what every layer says.

        A layer takes the boxes of the one before as they are, but its loss reaches that one too (Zhang et al. 2023,
        DINO, arXiv 2203.03605, section 3.5).

        Args:
            queries: [B, Q, D].
            boxes: float32 [B, Q, 4], relative boxes.
            memory: [B, S, D], tokens of all levels side by side.
            sizes: height and width of each level.
            attention_mask: [Q, Q], see `MultiHeadAttention`.
        """
        decoded, before = Decoded([], [], []), boxes
        for layer, logits_of, moves_of in zip(self.layers, self.class_logits, self.moves, strict=True):
            queries = layer(queries, self.position(boxes), boxes, memory, sizes=sizes, attention_mask=attention_mask)
            moves = moves_of(queries)
            decoded.class_logits.append(logits_of(queries))
            decoded.boxes.append(tf.sigmoid(moves + logit(before)))
            before = tf.sigmoid(moves + logit(boxes))
            boxes = tf.stop_gradient(before)
        return decoded


class RTDETRv2(DenoisingDetector):
    """The detector. Each query stands for a box, which the layers of the decoder move; queries do not compete.

    Attributes:
        backbone: has `stem` and `stage1` to `stage4`, which a training run can freeze by these names.
        encoder, projections: the parts of the network before the selection of queries.
    """

    config: Config

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        levels, channels = len(STRIDES), config.channels
        self.backbone = ResNetVD(config.depth, config.norm == "frozen", name="backbone")
        self.encoder = HybridEncoder(
            levels,
            config.filters,
            HEADS,
            config.encoder_hidden,
            depth=1.0,
            expansion=config.expansion,
            elan=False,
            name="encoder",
        )
        self.projections = [NormalizedConvolution(channels, 1, name=f"projection{index}") for index in range(levels)]
        self.selection = QuerySelection(channels, classes, config.queries, config.prior, name="selection")
        self.decoder = BoxDecoder(
            channels,
            classes,
            config.layers,
            config.hidden,
            config.points,
            config.sampling,
            config.prior,
            name="decoder",
        )
        self.denoised_classes = ClassContents(classes, channels, name="denoised_classes")

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the losses of all layers, of the encoder and of denoising queries, see `query_losses`."""
        return self.losses_of_queries(LOSS, outputs, targets, closing)

    def encode(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        levels = self.backbone(images, training=training)[1:]
        require_strides(levels, STRIDES, images, "backbone")
        levels = self.encoder(levels, training=training)
        return [layer(level, training=training) for layer, level in zip(self.projections, levels, strict=True)]
