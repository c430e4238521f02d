"""DEIMv2: D-FINE made smaller and trained with denser matching; a transformer detector without suppression.

Papers: Huang et al., Real-Time Object Detection Meets DINOv3, arXiv 2509.20787; Huang et al., DEIM: DETR with Improved
Matching for Fast Convergence, arXiv 2412.04234.

Authors' code: https://github.com/Intellindust-AI-Lab/DEIMv2 (Apache-2.0), `engine/deim/`, `configs/deimv2/`. The larger
models S, M, L and X, whose backbones come from DINOv3, which is under another licence, are not here.

Differences: images need not be square, and position codes then follow their rows, see `layers/hybrid_encoder.py`; there
are fewer queries than asked for where the features have fewer tokens; the number of denoising queries is fixed, see
`ops/denoising.py`; ignored regions, which theirs does not have, are not background; `late_matching_costs` count from
the closing phase on, in the published recipes 12 or 18 epochs later than theirs.

Differences of the published recipes: mosaics and mixed images, which put more objects into an image (dense one-to-one
matching), have one probability up to the closing phase, the mean of theirs, which is 0 in the first four epochs and in
the second half; objects are not copied (copy-blend); boxes of less than 8 to 12 pixels count; the learning rate of the
smaller models falls from the warm-up on, and not from the middle.

DEIMv2 of `transformers` 5.24 is not that of the authors, which is followed here: it normalises the tokens of the
encoder, has ReLUs in most perceptrons, and codes the boxes anew for each layer.
"""

from typing import Any, Literal

import tensorflow as tf

from detect.layers.class_contents import ClassContents
from detect.layers.hgnet import HGNetV2
from detect.layers.hybrid_encoder import HybridEncoder
from detect.layers.keras_backbone import require_strides
from detect.layers.lite_encoder import LiteEncoder
from detect.layers.query_selection import QuerySelection
from detect.layers.refinement_decoder import RefinementDecoder
from detect.models.denoising_detector import DenoisingDetector
from detect.models.detector import DetectorConfig, Variant
from detect.models.detr_recipe import detr_recipe
from detect.models.query_losses import Distances, QueryLoss
from detect.ops.activations import swish
from detect.structures import Targets

STRIDES = (16, 32)
HEADS = 8  # of all attentions


class Config(DetectorConfig):
    """Size and loss of the network."""

    backbone: Literal["atto", "femto", "pico", "b0"] = "b0"
    """Size of the HGNetV2: b0 with strides 16 and 32 and a hybrid encoder, the others with 16 and a lite one."""
    channels: int = 128
    """Channels of the levels and of queries."""
    encoder_hidden: int = 512
    """Channels within the perceptron of a hybrid encoder."""
    depth: float = 0.5
    """Factor on the number of blocks in which levels are fused."""
    expansion: float = 0.34
    """Factor on the number of channels within them."""
    hidden: int = 512
    """Channels within the perceptrons of the decoder, half of which are gates."""
    layers: int = 3
    """Layers of the decoder."""
    points: tuple[int, int] = (6, 6)
    """Points of each level that a head of the decoder looks at."""
    gated: bool = True
    """Whether what a query finds in the image is added through a learnt gate."""
    shared: bool = False
    """Whether one perceptron finds the boxes of all layers of the decoder."""
    queries: int = 300
    """Queries: boxes per image."""
    values: int = 33
    """Number of the values whose probabilities tell where a side is."""
    reach: float = 0.5
    """How far the values reach, but for the outermost, in sides of the box that is refined."""
    scale: float = 4.0
    """How much denser the values are around 0."""
    distributions: bool = True
    """Whether losses of the probabilities are learnt too, and boxes from the matches of all layers together."""
    prior: float = 0.01
    """Initial score of every class."""
    denoising: int = 100
    """Denoising queries in training, pairs of a positive and a negative one; 0: none."""
    label_noise: float = 0.5
    """Twice the probability that a denoising query has a random class."""
    box_noise: float = 1.0
    """Scale of the noise of the boxes of denoising queries."""
    confidence: float = 0.001


_COMMON = {"average.restart": True, "schedule.warmup_power": 2.0, "sizes": []}


def _small(backbone: Literal["atto", "femto", "pico"], channels: int, hidden: int, queries: int) -> Config:
    """Return the settings of a model with a lite encoder."""
    return Config(
        backbone=backbone,
        channels=channels,
        hidden=hidden,
        queries=queries,
        points=(4, 2),
        gated=False,
        shared=True,
        distributions=False,
    )


def _small_recipe(rate: float, mosaic: float) -> dict[str, Any]:
    """Return the recipe of a small model: `mosaic` is the probability of one in epochs 5 to 250."""
    mosaics = {"pipeline.augmentation.mosaic": mosaic * 246 / 468}
    ending = {"schedule.final": 0.5, "schedule.hold": 32 / 500}
    settings = {**_COMMON, **ending, **mosaics}
    return detr_recipe(500, closing=32, batch=128, warmup=4000, rate=rate, backbone_factor=0.5, settings=settings)


# In epochs 5 to 78 half of the images are mosaics, and half are mixed with another one.
_NANO_MIXTURES = {"pipeline.augmentation.mosaic": 0.5 * 74 / 148, "pipeline.augmentation.mixup": 0.5 * 74 / 148}
_NANO_RECIPE = detr_recipe(
    160, closing=12, batch=32, warmup=2000, rate=8e-4, backbone_factor=0.5, settings={**_COMMON, **_NANO_MIXTURES}
)

# APs are from the README. It rounds parameters to 0.5, 1.0, 1.5 and 3.6 million, and operations, two for each
# multiply-add, to 0.8, 1.7, 5.2 and 6.8 billion. Those here are the numbers that the authors' code prints, which leaves
# out products of tokens within attention.
VARIANTS = {
    "atto": Variant(_small("atto", 64, 160, 100), 320, 23.8, _small_recipe(2e-3, 0.3), 0.509, 0.376),
    "femto": Variant(_small("femto", 96, 256, 150), 416, 31.0, _small_recipe(1.6e-3, 0.5), 0.984, 0.825),
    "pico": Variant(_small("pico", 112, 320, 200), 640, 38.5, _small_recipe(1.6e-3, 0.5), 1.540, 2.550),
    "n": Variant(Config(), 640, 43.0, _NANO_RECIPE, 3.600, 3.403),
}


class DEIMv2(DenoisingDetector):
    """The detector. Each query stands for a box, which the layers of the decoder refine; queries do not compete.

    Attributes:
        backbone: has `stem` and `stage1` to `stage3`, and `stage4` if its size is `b0`, which a training run can freeze
            by these names.
        encoder: the part of the network before the selection of queries.
    """

    config: Config

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        channels = config.channels
        self.lite = config.backbone != "b0"
        self.strides = STRIDES[:1] if self.lite else STRIDES
        self.backbone = HGNetV2(config.backbone, len(self.strides), name="backbone")
        if self.lite:
            self.encoder = LiteEncoder(channels, config.depth, config.expansion, name="encoder")
        else:
            self.encoder = HybridEncoder(
                len(STRIDES),
                channels,
                HEADS,
                config.encoder_hidden,
                config.depth,
                config.expansion,
                elan=True,
                summed=True,
                name="encoder",
            )
        self.selection = QuerySelection(
            channels, classes, config.queries, config.prior, projected=False, activation=swish, name="selection"
        )
        self.decoder = RefinementDecoder(
            channels,
            classes,
            config.layers,
            HEADS,
            config.hidden,
            config.points,
            config.values,
            config.reach,
            config.scale,
            config.prior,
            gated=config.gated,
            shared=config.shared,
            revised=True,
            name="decoder",
        )
        self.denoised_classes = ClassContents(classes, channels, name="denoised_classes")

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the losses of all layers, of the encoder and of denoising queries (DEIM, section 3)."""
        learnt = self.config.distributions
        distances = Distances(self.decoder.values, self.config.scale) if learnt else None
        settings = QueryLoss("matchability", union=learnt, late=True)
        return self.losses_of_queries(settings, outputs, targets, closing, distances)

    def encode(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        levels = self.backbone(images, training=training)
        require_strides(levels, self.strides, images, "backbone")
        return self.encoder(levels[0] if self.lite else levels, training=training)
