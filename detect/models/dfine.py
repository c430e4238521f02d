"""D-FINE: a transformer detector without suppression that refines distributions of where the sides of a box are.

Paper: Peng et al., D-FINE: Redefine Regression Task of DETRs as Fine-grained Distribution Refinement, arXiv 2410.13842.

Authors' code: https://github.com/Peterande/D-FINE (Apache-2.0), `src/zoo/dfine/`, `configs/dfine/`.

Differences: images need not be square, and position codes then follow their rows, see `layers/hybrid_encoder.py`; there
are fewer queries than asked for where the features have fewer tokens; the number of denoising queries is fixed, see
`ops/denoising.py`; ignored regions, which theirs does not have, are not background.
"""

from typing import Any, Literal

import tensorflow as tf

from detect.layers.class_contents import ClassContents
from detect.layers.hgnet import HGNetV2
from detect.layers.hybrid_encoder import HybridEncoder
from detect.layers.keras_backbone import require_strides
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.query_selection import QuerySelection
from detect.layers.refinement_decoder import RefinementDecoder
from detect.models.denoising_detector import DenoisingDetector
from detect.models.detector import DetectorConfig, Variant
from detect.models.detr_recipe import detr_recipe
from detect.models.query_losses import Distances, QueryLoss
from detect.structures import Targets

STRIDES = (8, 16, 32)
HEADS = 8  # of all attentions
LOSS = QueryLoss(scores="varifocal", union=True)


class Config(DetectorConfig):
    """Size and loss of the network."""

    backbone: Literal["b0", "b1", "b2", "b3", "b4", "b5"] = "b4"
    """Size of the HGNetV2."""
    norm: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone: `frozen` keeps the statistics, scales and offsets of its initial weights."""
    levels: Literal[2, 3] = 3
    """Levels of features: strides 16 and 32, or 8 too."""
    filters: int = 256
    """Channels of the levels."""
    encoder_hidden: int = 1024
    """Channels within the perceptron of the encoder."""
    depth: float = 1.0
    """Factor on the number of blocks in which levels are fused."""
    expansion: float = 1.0
    """Factor on the number of channels within them."""
    channels: int = 256
    """Channels of queries."""
    hidden: int = 1024
    """Channels within the perceptrons of the decoder."""
    layers: int = 6
    """Layers of the decoder."""
    points: tuple[int, ...] = (3, 6, 3)
    """Points of each level that a head of the decoder looks at."""
    queries: int = 300
    """Queries: boxes per image."""
    values: int = 33
    """Number of the values whose probabilities tell where a side is."""
    reach: float = 0.5
    """How far the values reach, but for the outermost, in sides of the box that is refined."""
    scale: float = 4.0
    """How much denser the values are around 0."""
    prior: float = 0.01
    """Initial score of every class."""
    denoising: int = 100
    """Denoising queries in training, pairs of a positive and a negative one; 0: none."""
    label_noise: float = 0.5
    """Twice the probability that a denoising query has a random class."""
    box_noise: float = 1.0
    """Scale of the noise of the boxes of denoising queries."""
    confidence: float = 0.001


def _recipe(
    epochs: int, closing: int, rate: float, of_backbone: float, decay: float, base_size: int, **settings: Any
) -> dict[str, Any]:
    """Return a recipe of `configs/dfine/`.

    Args:
        epochs: as of `detr_recipe`.
        closing: as of `detr_recipe`.
        rate: as of `detr_recipe`.
        of_backbone: learning rate of the backbone.
        decay: as of `detr_recipe`.
        base_size: how often 640 is among the sizes that are drawn from; 0: images have no other size.
        settings: others.
    """
    sizes = [*range(480, 640, 32), *([640] * base_size), *range(800, 640, -32)] if base_size else []
    settings |= {"sizes": sizes, "average.restart": True}
    return detr_recipe(epochs, closing, 32 if base_size else 128, 500, rate, of_backbone / rate, settings, decay)


_FROZEN = {"architecture": {"norm": "frozen"}, "freeze": ["backbone.stem"]}
_NANO = Config(
    backbone="b0",
    levels=2,
    filters=128,
    encoder_hidden=512,
    depth=0.5,
    expansion=0.34,
    channels=128,
    hidden=512,
    layers=3,
    points=(6, 6),
)
_SMALL = Config(backbone="b0", depth=0.34, expansion=0.5, layers=3)
_MEDIUM = Config(backbone="b2", depth=0.67, layers=4)
_EXTRA_LARGE = Config(backbone="b5", filters=384, encoder_hidden=2048, scale=8.0)

# APs and multiply-adds are from the README, which counts two operations for each of the latter. It rounds parameters to
# 4, 10, 19, 31 and 62 million; those here are the numbers that the authors' code prints.
VARIANTS = {
    "n": Variant(_NANO, 640, 42.8, _recipe(160, 12, 8e-4, 4e-4, 1e-4, 0), 3.783, 3.5),
    "s": Variant(_SMALL, 640, 48.5, _recipe(132, 12, 2e-4, 1e-4, 1e-4, 20), 10.322, 12.5),
    "m": Variant(_MEDIUM, 640, 52.3, _recipe(132, 12, 2e-4, 2e-5, 1e-4, 6), 19.590, 28.5),
    "l": Variant(Config(), 640, 54.0, _recipe(80, 8, 2.5e-4, 1.25e-5, 1.25e-4, 4, **_FROZEN), 31.290, 45.5),
    "x": Variant(_EXTRA_LARGE, 640, 55.8, _recipe(80, 8, 2.5e-4, 2.5e-6, 1.25e-4, 3, **_FROZEN), 62.715, 101.0),
}


class DFINE(DenoisingDetector):
    """The detector. Each query stands for a box, which the layers of the decoder refine; queries do not compete.

    Attributes:
        backbone: has `stem` and `stage1` to `stage4`, which a training run can freeze by these names.
        encoder, projections: the parts of the network before the selection of queries.
    """

    config: Config

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.strides = STRIDES[-config.levels :]
        self.backbone = HGNetV2(config.backbone, config.levels, config.norm == "frozen", name="backbone")
        self.encoder = HybridEncoder(
            config.levels,
            config.filters,
            HEADS,
            config.encoder_hidden,
            config.depth,
            config.expansion,
            elan=True,
            name="encoder",
        )
        self.projections = [
            NormalizedConvolution(config.channels, 1, name=f"projection{index}")
            for index in range(config.levels if config.channels != config.filters else 0)
        ]
        self.selection = QuerySelection(config.channels, classes, config.queries, config.prior, name="selection")
        self.decoder = RefinementDecoder(
            config.channels,
            classes,
            config.layers,
            HEADS,
            config.hidden,
            config.points,
            config.values,
            config.reach,
            config.scale,
            config.prior,
            name="decoder",
        )
        self.denoised_classes = ClassContents(classes, config.channels, name="denoised_classes")

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the losses of all layers, of the encoder and of denoising queries (paper, section 4 and appendix)."""
        distances = Distances(self.decoder.values, self.config.scale)
        return self.losses_of_queries(LOSS, outputs, targets, closing, distances)

    def encode(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        levels = self.backbone(images, training=training)
        require_strides(levels, self.strides, images, "backbone")
        levels = self.encoder(levels, training=training)
        for index, projection in enumerate(self.projections):
            levels[index] = projection(levels[index], training=training)
        return levels
