"""Faster R-CNN: a two-stage detector. The first stage proposes regions, the second classifies them and refines boxes.

Papers: Ren et al., Faster R-CNN, arXiv 1506.01497; Lin et al., Feature Pyramid Networks, arXiv 1612.03144, for the
pyramid, its levels and the head. Row `r50v2`: Li et al., Benchmarking Detection Transfer Learning with Vision
Transformers, arXiv 2111.11429.

Reference code: torchvision (https://github.com/pytorch/vision, `torchvision/models/detection/faster_rcnn.py`,
`rpn.py` and `roi_heads.py`, BSD-3-Clause), whose published weights fit.

Differences from the papers, as in torchvision: RoIAlign (He et al., arXiv 1703.06870) pools regions; anchors that
extend beyond the image are used too.

Differences from torchvision: losses are divided by the number of anchors and regions that are to be sampled per image,
not by the number that were, so that an image with fewer (because of ignored regions) counts less, as in detectron2 for
anchors; a box that no anchor overlaps does not make any anchor positive; 1,000 proposals are kept in training, as in
detectron2, instead of 2,000; regions do not have a box for the background; images are squares of 640 pixels by default
(320 with MobileNetV3), while published APs are for a short side of 800 (320).
"""

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from detect.layers.feature_pyramid import FeaturePyramid
from detect.layers.mobilenet import MobileNetV3Large
from detect.layers.region_head import RegionHead
from detect.layers.region_proposals import RegionProposalHead
from detect.layers.resnet import ResNet
from detect.layers.sampling_seed import SamplingSeed
from detect.models.detector import Detector, DetectorConfig, Variant, geometry
from detect.models.suppression import Suppression
from detect.models.torchvision_recipe import RECIPE
from detect.ops.anchors import anchor_boxes, cells, grids
from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas, encode_deltas
from detect.ops.compiling import dimension
from detect.ops.coverage import best_overlaps, by_cell
from detect.ops.losses import (
    absence_loss,
    binary_cross_entropy,
    smooth_l1,
    softmax_cross_entropy,
    sum_where,
    weigh_positives,
)
from detect.ops.matching import NEGATIVE, NEITHER, gather_rows, match_by_iou
from detect.ops.nms import non_maximum_suppression
from detect.ops.proposals import Regions, propose_regions, sample_regions
from detect.ops.replicas import sum_over_replicas
from detect.ops.roi_align import pyramid_roi_align
from detect.ops.sampling import sample_balanced
from detect.structures import Candidates, Detections, Targets

RATIOS = (0.5, 1.0, 2.0)  # height / width
# Strides of the pyramid's levels and sizes of their anchors. MobileNetV3's last two features have the same stride.
RESNET_STRIDES = (4, 8, 16, 32, 64)
RESNET_SIZES = ((32,), (64,), (128,), (256,), (512,))
MOBILENET_STRIDES = (32, 32, 64)
MOBILENET_SIZES = ((32, 64, 128, 256, 512),) * 3
DELTA_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the second stage's deltas, which gives them about unit variance
POOLED = 7  # rows and columns of the features pooled from a region
SMALLEST_SIDE = 1e-2  # pixels; boxes with a smaller side are not detections, as in torchvision


class Config(DetectorConfig):
    """Network, proposals, matching and sampling."""

    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101", "mobilenetv3"] = "resnet50"
    """Network that computes the features."""
    norm: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone: `frozen` keeps the statistics, scales and offsets of its initial weights."""
    epsilon: float = 1e-5
    """Added to the variances by the normalisations of the backbone."""
    filters: int = 256
    """Channels of the pyramid and the heads."""
    spread: bool = False
    """Whether cells fill image sides that are not multiples of their stride, as in torchvision."""
    normalized: bool = False
    """Whether the pyramid has batch normalisation."""
    proposal_convolutions: int = 1
    """Convolutions of the head of the first stage."""
    region_convolutions: int = 0
    """Convolutions of the head of the second stage, each with batch normalisation."""
    hidden: tuple[int, ...] = (1024, 1024)
    """Outputs of the fully connected layers of the second stage."""

    proposal_candidates: int = 1000
    """Regions of each level that enter suppression, the best by objectness."""
    proposals: int = 1000
    """Regions of an image after suppression."""
    proposal_candidates_in_training: int = 2000
    """As `proposal_candidates`, in training."""
    proposals_in_training: int = 1000
    """As `proposals`, in training."""
    proposal_iou: float = 0.7
    """Regions of one level that overlap more than this are one."""
    proposal_confidence: float = 0.0
    """Regions with a lower objectness are not proposals."""

    anchor_foreground: float = 0.7
    """IoU from which an anchor is matched to a box."""
    anchor_background: float = 0.3
    """IoU below which an anchor is background; between the two it is neither."""
    anchor_samples: int = 256
    """Anchors of an image that enter the loss."""
    region_foreground: float = 0.5
    """IoU from which a region is matched to a box; below, it is background."""
    region_samples: int = 512
    """Regions of an image that enter the loss."""


_RECIPE = {**RECIPE, "optimizer.learning_rate": 0.02}
# torchvision, pull request 5763: long training with large changes of scale and batch normalisation everywhere.
_LONG_RECIPE = {
    **_RECIPE,
    "architecture": {},
    "freeze": [],
    "epochs": 400,
    "batch_size": 64,
    "optimizer.learning_rate": 0.1,
    "optimizer.reference_batch": 64,
    "optimizer.weight_decay": 4e-5,
    "pipeline.augmentation.scale": [0.1, 2.0],
}

_MOBILE_FROZEN = ["backbone.stem", "backbone.stage1", "backbone.stage2", "backbone.stage3"]

_V2 = Config(normalized=True, proposal_convolutions=2, region_convolutions=4, hidden=(1024,))
_MOBILE = Config(backbone="mobilenetv3", proposal_candidates=150, proposals=150, proposal_confidence=0.05)

# Published numbers are for 91 classes, with 1024 * 55 more weights in the last layers than ours for 80 classes.
VARIANTS = {
    "r18": Variant(Config(backbone="resnet18"), 640, None, _RECIPE, counted=28.68),
    "r50": Variant(Config(), 640, 37.0, _RECIPE, 41.70, 134.38),
    "r50v2": Variant(_V2, 640, 46.7, _LONG_RECIPE, 43.66, 280.37),
    "mobilenetv3": Variant(_MOBILE, 320, 22.8, {**_RECIPE, "freeze": _MOBILE_FROZEN}, 19.33, 0.719),
}


class FasterRCNN(Detector):
    """The detector.

    In training, the first stage learns from a random sample of its anchors, and the second stage from a random sample
    of the proposals and true boxes. Outside training, losses are those of a fixed sample of anchors and of all
    proposals.

    Attributes:
        backbone, neck: compute features of several strides.
        proposal_head: the first stage, shared by all levels.
        region_head: the second stage.
        seed: determines the samples.
    """

    candidate_inputs = ("images", "extents")  # regions end where the padding begins
    grouped_by_class = ("class_deltas",)
    config: Config
    seed: SamplingSeed

    def __init__(self, config: Config, classes: int, **options: Any):
        super().__init__(config, classes, **options)
        self.suppression = Suppression(max_detections=config.max_detections)
        mobile = config.backbone == "mobilenetv3"
        self.strides: tuple[int, ...] = MOBILENET_STRIDES if mobile else RESNET_STRIDES
        self.sizes: tuple[tuple[int, ...], ...] = MOBILENET_SIZES if mobile else RESNET_SIZES
        self.backbone = _backbone(config)
        levels, normalized = len(self.strides) - 1, config.normalized
        self.neck = FeaturePyramid(config.filters, levels=levels, coarse="pool", normalized=normalized, name="neck")
        anchors = len(self.sizes[0]) * len(RATIOS)
        self.proposal_head = RegionProposalHead(
            anchors, config.filters, config.proposal_convolutions, name="proposal_head"
        )
        self.region_head = RegionHead(
            classes, config.filters, config.region_convolutions, config.hidden, name="region_head"
        )
        self.seed = SamplingSeed()

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return raw predictions of both stages.

        Returns:
            objectness: logits [B, A]. anchor_deltas: [B, A, 4], as `decode_deltas` reads them.
            regions: `Regions`, the R proposals or, in training, the sample from which the second stage learns.
            logits: [B, R, K + 1], the background last. deltas: [B, R, K, 4], with `DELTA_WEIGHTS`.
            seed: int64 [2], of the sample of anchors.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        levels = self.neck(self._features(images, training), training=training)
        stage = [self.proposal_head(level) for level in levels]
        objectness, deltas = (tf.concat(part, axis=1) for part in zip(*stage, strict=True))
        frame = geometry(images, extents)
        seed = self.seed.next() if training else tf.zeros([2], tf.int64)
        regions = self._propose(objectness, deltas, **frame, training=training)
        if training and targets is not None:
            regions = self._sample(regions, targets, seed)
        logits, class_deltas = self.region_head(self._pool(levels, regions), training=training)
        return {
            "objectness": objectness,
            "anchor_deltas": deltas,
            "regions": regions,
            "logits": logits,
            "deltas": class_deltas,
            "seed": seed,
            **frame,
        }

    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return cross-entropy of classes and smooth L1 of box deltas for each stage (Ren et al., 3.1.2)."""
        return {**self._anchor_losses(outputs, targets), **self._region_losses(outputs, targets)}

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return, for every region and class, a box, clipped to the image without padding, and its probability."""
        regions = outputs["regions"]
        boxes = decode_deltas(regions.boxes[:, :, None], outputs["deltas"], DELTA_WEIGHTS)  # [B, R, K, 4]
        boxes = clip(boxes, outputs["extents"])
        found = regions.valid[..., None] & (tf.reduce_min(boxes[..., 2:] - boxes[..., :2], axis=-1) >= SMALLEST_SIDE)
        return Candidates(boxes, tf.where(found, tf.nn.softmax(outputs["logits"])[..., :-1], 0.0))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return what suppression within each class leaves of the candidates."""
        return non_maximum_suppression(
            *self.candidates(outputs),
            iou=self.config.iou if iou is None else iou,
            **self.config.limits(confidence),
            runtime=self.runtime,
        )

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which boxes an anchor overlaps by `region_foreground`, as a region does from which they are learned.

        Not by `anchor_foreground`: the first stage learns most boxes from the anchors that overlap them most.
        """
        numbers = [len(sizes) * len(RATIOS) for sizes in self.sizes]
        levels = by_cell(self._anchors(size), grids(*size, self.strides), numbers)
        return best_overlaps(boxes, levels) >= self.config.region_foreground

    def _features(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        features = self.backbone(images, training=training)
        return [features.first32, features.last32] if self.config.backbone == "mobilenetv3" else features

    def _anchors(self, size: tuple[int, int]) -> np.ndarray:
        return anchor_boxes(*size, self.strides, self.sizes, RATIOS, spread=self.config.spread)

    def _propose(self, objectness, deltas, size: tuple[int, int], extents, training: bool) -> Regions:
        config = self.config
        return propose_regions(
            self._anchors(size),
            tf.stop_gradient(objectness),  # so that eager execution does not look for the gradient of a loop
            tf.stop_gradient(deltas),
            extents,
            levels=tuple(self.proposal_head.anchors * count for count in cells(*size, self.strides)),
            iou=config.proposal_iou,
            confidence=config.proposal_confidence,
            candidates=config.proposal_candidates_in_training if training else config.proposal_candidates,
            keep=config.proposals_in_training if training else config.proposals,
            runtime=self.runtime,
        )

    def _sample(self, regions: Regions, targets: Targets, seed: tf.Tensor) -> Regions:
        return sample_regions(
            regions,
            *targets.truth,
            size=self.config.region_samples,
            positive_share=0.25,
            foreground=self.config.region_foreground,
            seed=seed + tf.constant([1, 0], tf.int64),  # anchors are drawn by `seed` itself
            runtime=self.runtime,
        )

    def _pool(self, levels: list[tf.Tensor], regions: Regions) -> tf.Tensor:
        """Return the features of regions, [B, R, 7, 7, C], pooled from the level for their size.

        The coarsest level is for proposals only. As in torchvision, of two levels with the same stride only the first
        is used, and nothing is shifted by half a cell.
        """
        count = len(set(self.strides)) - 1
        return pyramid_roi_align(
            levels[:count],
            regions.boxes,
            strides=self.strides[:count],
            size=POOLED,
            samples=2,
            aligned=False,
            runtime=self.runtime,
        )

    def _anchor_losses(self, outputs: dict[str, Any], targets: Targets) -> dict[str, tf.Tensor]:
        anchors, size = self._anchors(outputs["size"]), self.config.anchor_samples
        thresholds = {"foreground": self.config.anchor_foreground, "background": self.config.anchor_background}
        matches = match_by_iou(anchors, *targets.truth, **thresholds, low_quality=True, runtime=self.runtime)
        candidates = matches.indices >= 0, matches.indices == NEGATIVE  # [B, A]
        positive, negative = sample_balanced(*candidates, size, 0.5, outputs["seed"])
        objectness = _objectness_loss(outputs["objectness"], positive, targets)
        true_deltas = encode_deltas(anchors, gather_rows(targets.boxes, matches.indices))
        boxes = tf.reduce_sum(smooth_l1(outputs["anchor_deltas"], true_deltas), axis=-1)
        count = size * _images(outputs["objectness"])
        return {
            "objectness": sum_where(positive | negative, objectness) / count,
            "proposal": sum_where(positive, boxes) / count,
        }

    def _region_losses(self, outputs: dict[str, Any], targets: Targets) -> dict[str, tf.Tensor]:
        regions, threshold = outputs["regions"], self.config.region_foreground
        thresholds = {"foreground": threshold, "background": threshold}
        matches = match_by_iou(regions.boxes, *targets.truth, **thresholds, low_quality=False, runtime=self.runtime)
        positive = regions.valid & (matches.indices >= 0)  # [B, R]
        labels = tf.where(positive, gather_rows(targets.labels, matches.indices), self.classes)
        classes = softmax_cross_entropy(outputs["logits"], labels, targets.looked_for_by_anchor)
        classes = weigh_positives(classes, labels, self.class_weights)

        true_deltas = encode_deltas(regions.boxes, gather_rows(targets.boxes, matches.indices), DELTA_WEIGHTS)
        deltas = tf.gather(outputs["deltas"], tf.minimum(labels, self.classes - 1), axis=2, batch_dims=2)
        boxes = tf.reduce_sum(smooth_l1(deltas, true_deltas), axis=-1)

        count = dimension(regions.boxes, 1) * _images(regions.boxes)
        return {
            "class": sum_where(regions.valid & (matches.indices != NEITHER), classes) / count,
            "box": sum_where(positive, boxes) / count,
        }


def _backbone(config: Config) -> ResNet | MobileNetV3Large:
    options: dict[str, Any] = {"frozen": config.norm == "frozen", "epsilon": config.epsilon, "name": "backbone"}
    if config.backbone == "mobilenetv3":
        return MobileNetV3Large(**options)
    return ResNet(int(config.backbone.removeprefix("resnet")), **options)


def _objectness_loss(logits: tf.Tensor, positive: tf.Tensor, targets: Targets) -> tf.Tensor:
    """Return what the objectness of each anchor costs, [B, A].

    Where not all classes were looked for, an anchor without a true box may be on an object of another one. The first
    stage knows no classes, so the share of these classes stands for the probability of that: as in learning from
    positive and unlabelled examples, where the share of the labelled ones is known (Elkan and Noto 2008, section 2).

    Args:
        logits: [B, A].
        positive: bool [B, A].
        targets: the true boxes.
    """
    losses = binary_cross_entropy(logits, tf.cast(positive, tf.float32))
    if targets.looked_for is None:
        return losses
    not_looked_for = 1 - tf.reduce_mean(tf.cast(targets.looked_for, tf.float32), axis=1, keepdims=True)  # [B, 1]
    return tf.where(positive, losses, absence_loss(logits, tf.math.log(not_looked_for)))


def _images(values: tf.Tensor) -> tf.Tensor:
    """Return the number of images in the whole batch, all replicas together."""
    return sum_over_replicas(tf.cast(tf.shape(values)[0], tf.float32))
