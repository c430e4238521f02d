"""RF-DETR: a transformer detector without suppression, whose backbone is DINOv2 with windows.

Paper: Robinson et al., RF-DETR: Neural Architecture Search for Real-Time Detection Transformers, arXiv 2511.09554. Its
decoder is that of LW-DETR (Chen et al., arXiv 2406.03459).

Authors' code: https://github.com/roboflow/rf-detr (Apache-2.0), `rfdetr/config.py`, `rfdetr/models/`. The larger models
XL and 2XL, which are under another licence, are not here.

Differences: images need not be square, see `layers/dinov2.py`; there are fewer queries than asked for where the image
has fewer tokens; where an image has padding, its boxes are relative to the whole input.
"""

from typing import Any

import tensorflow as tf

from detect.layers.dinov2 import DINOv2
from detect.layers.grouped_decoder import GroupedDecoder, GroupedSelection
from detect.layers.keras_backbone import require_strides
from detect.layers.scale_projector import ScaleProjector
from detect.models.detector import DetectorConfig, Variant, geometry
from detect.models.query_detector import QueryDetector
from detect.models.query_losses import Predictions, QueryLoss, query_losses
from detect.structures import Targets

PATCH = 16  # side of a token, pixels
WINDOWS = 2  # along each side of an image


class Config(DetectorConfig):
    """Size and loss of the network."""

    backbone_channels: int = 384
    """Channels of a token in the backbone."""
    backbone_heads: int = 6
    """Heads of the attention in the backbone."""
    blocks: int = 3
    """Blocks of each of the four stages of the backbone."""
    positions: int = 36
    """Side of the grid of positions that the backbone learns, in tokens of 16 pixels; it is resized to the image."""
    channels: int = 256
    """Channels of queries."""
    hidden: int = 2048
    """Channels within the perceptrons of the decoder."""
    layers: int = 4
    """Layers of the decoder."""
    heads: int = 8
    """Heads of the attention among queries."""
    sampling_heads: int = 16
    """Heads of the attention of queries to points of the image."""
    points: int = 2
    """Points that each of them looks at."""
    queries: int = 300
    """Queries: boxes per image."""
    groups: int = 13
    """Groups of queries in training, each of which learns all boxes."""
    prior: float = 0.01
    """Initial score of every class."""
    confidence: float = 0.001


# The authors' settings for fine-tuning (`TrainConfig`); how they trained the published weights is not published.
_RECIPE: dict[str, Any] = {
    "epochs": 100,
    "batch_size": 16,
    "optimizer.name": "adamw",
    "optimizer.learning_rate": 1e-4,  # of the decoder 0.7 times that
    # The mean of the blocks: 1.5 * 0.7 ** 2 * 0.8 ** 2 for the last one, and 0.8 times less for each before it.
    "optimizer.backbone_factor": 0.18,
    "optimizer.reference_batch": 16,
    "optimizer.weight_decay": 1e-4,
    "optimizer.clip_norm": 0.1,
    "schedule.warmup": 0.0,
    "schedule.final": 1.0,
    "schedule.closing": 0.0,
    "average.decay": 0.993,
    "pipeline.augmentation.scale": [1.0, 1.5],  # half of the images are cropped
    "pipeline.augmentation.translate": 0.0,
    "pipeline.augmentation.hue": 0,
    "pipeline.augmentation.saturation": 0,
    "pipeline.augmentation.value": 0,
    "pipeline.augmentation.mosaic": 0.0,
}


def _recipe(side: int) -> dict[str, Any]:
    """Return the recipe for an image size, which is varied by five steps in both directions."""
    return {**_RECIPE, "sizes": [side + step * PATCH * WINDOWS for step in range(-5, 6)]}


# Multiply-adds are half of the operations in tables 2 and 12 of the paper.
VARIANTS = {
    "nano": Variant(Config(layers=2, positions=24), 384, 48.4, _recipe(384), 30.5, 15.95),
    "small": Variant(Config(layers=3, positions=32), 512, 53.0, _recipe(512), 32.1, 29.9),
    "medium": Variant(Config(layers=4, positions=36), 576, 54.7, _recipe(576), 33.7, 39.4),
    "large": Variant(Config(layers=4, positions=44), 704, 56.5, _recipe(704), 33.9, 62.8),
}


class RFDETR(QueryDetector):
    """The detector. Each query stands for a box, which each layer of the decoder changes; queries do not compete.

    Attributes:
        backbone: has `stem` and `stage1` to `stage4`, which a training run can freeze by these names.
        projector, selection, decoder: the other parts of the network.
    """

    config: Config

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.backbone = DINOv2(
            config.backbone_channels,
            config.backbone_heads,
            config.blocks,
            PATCH,
            WINDOWS,
            config.positions,
            name="backbone",
        )
        self.projector = ScaleProjector(config.channels, name="projector")
        self.selection = GroupedSelection(
            config.channels, classes, config.queries, config.groups, config.prior, name="selection"
        )
        self.decoder = GroupedDecoder(
            config.channels,
            classes,
            config.layers,
            config.heads,
            config.sampling_heads,
            config.hidden,
            config.points,
            config.queries,
            config.groups,
            config.prior,
            name="decoder",
        )

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return what the decoder says of each query, and what it started from.

        Returns:
            class_logits: [B, Q, K], after the last layer. boxes: [B, Q, 4], relative boxes. answers: `Answers` after
            each layer. proposals: `Answers` of the tokens that became queries. groups: how many there are; in training
            Q is that of all groups together. size, extents: see `geometry`.
        """
        level = self.projector(self.backbone(images))
        require_strides([level], [PATCH], images, "backbone")
        height, width, channels = level.shape[1:]
        memory = tf.reshape(level, [-1, height * width, channels])
        groups = self.config.groups if training else 1
        proposals = self.selection(memory, height=height, width=width, groups=groups)
        answers = self.decoder(memory, sizes=[(height, width)], boxes=proposals.boxes, groups=groups)
        return {
            "class_logits": answers.class_logits[-1],
            "boxes": answers.boxes[-1],
            "answers": answers,
            "proposals": proposals,
            "groups": groups,
            **geometry(images, extents),
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return the IoU-aware, L1 and GIoU losses of all layers, and those of the proposals (LW-DETR, section 3.2)."""
        proposals = outputs["proposals"]
        return query_losses(
            QueryLoss("iou", groups=outputs["groups"]),
            Predictions(*outputs["answers"]),
            targets,
            outputs["size"],
            proposals=Predictions(proposals.class_logits[None], proposals.boxes[None]),
            class_weights=self.class_weights,
            runtime=self.runtime,
        )
