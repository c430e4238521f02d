"""Our RT-DETRv2 computes what that of `transformers` does, losses included, with the same weights on the same images.

The weights are random, but take the path of published ones: their state dictionary is saved to a file, and imported.
`make parity` runs these tests in an environment with PyTorch and `transformers`.
"""

import dataclasses
import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.layers.resnet import BLOCKS
from detect.models.rtdetrv2 import HEADS, Config, RTDETRv2
from detect.ops.relative_boxes import from_pixels
from detect.structures import Targets
from detect.weights.importing import checkpoints, read

if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
    pytest.skip("needs PyTorch and transformers: run `make parity`", allow_module_level=True)

import torch
import transformers_references as references
from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

# Settings by which the published rows differ from their own small versions.
TINY = {"encoder_hidden": 64, "hidden": 64, "channels": 32, "layers": 2, "queries": 20, "expansion": 0.5}
CASES = {
    "tiny r18": ("rtdetrv2-r18-coco", {**TINY, "filters": 32}),
    "tiny r50, discrete": ("rtdetrv2-r50-coco", {**TINY, "filters": 48, "sampling": "discrete"}),
    "r18": ("rtdetrv2-r18-coco", {}),
}
SIZES = [(0, 0), (64, 128)]  # rows and columns beyond a square
CLOSEST = 1e-4  # largest difference, as a share of the largest number
BOXES = np.float32([[[5, 5, 60, 70], [30, 40, 100, 120], [0, 0, 0, 0]], [[10, 20, 50, 90], [0, 0, 0, 0], [0, 0, 0, 0]]])
LABELS = np.int32([[1, 3, -1], [0, -1, -1]])


@dataclass
class Pair:
    """Two models with the same weights, and the side of images for them."""

    theirs: torch.nn.Module
    ours: RTDETRv2
    side: int

    def images(self, extra: tuple[int, int]) -> np.ndarray:
        """Return two images of noise."""
        return np.random.default_rng(0).integers(0, 256, (2, self.side + extra[0], self.side + extra[1], 3), np.uint8)


def reference(config: Config, classes: int) -> RTDetrV2ForObjectDetection:
    """Return the model with these settings and random weights, which are the same each time."""
    filters = [64, 128, 256, 512] if config.depth < 50 else [256, 512, 1024, 2048]
    backbone = RTDetrResNetConfig(
        embedding_size=64,
        hidden_sizes=filters,
        depths=list(BLOCKS[config.depth]),
        layer_type="basic" if config.depth < 50 else "bottleneck",
        out_features=["stage2", "stage3", "stage4"],
    )
    settings = RTDetrV2Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        num_labels=classes,
        encoder_hidden_dim=config.filters,
        encoder_in_channels=filters[1:],
        encoder_ffn_dim=config.encoder_hidden,
        encoder_attention_heads=HEADS,
        hidden_expansion=config.expansion,
        d_model=config.channels,
        decoder_in_channels=[config.filters] * 3,
        decoder_ffn_dim=config.hidden,
        decoder_layers=config.layers,
        decoder_attention_heads=HEADS,
        decoder_method="default" if config.sampling == "bilinear" else "discrete",
        num_queries=config.queries,
    )
    model = RTDetrV2ForObjectDetection(settings).eval()
    constants = {name: value.clone() for name, value in model.named_buffers() if name.endswith("n_points_scale")}
    references.draw_weights(model)
    model.load_state_dict(constants, strict=False)
    return model


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory) -> Pair:
    name, settings = CASES[request.param]
    checkpoint = dataclasses.replace(checkpoints()[name], config=settings)
    config = Config(**{**models.variant(checkpoint.model).config.model_dump(), **settings})
    theirs = reference(config, 80)
    file = tmp_path_factory.mktemp("weights") / "theirs.pth"
    torch.save(theirs.state_dict(), file)
    ours, _ = read(checkpoint, file)
    return Pair(theirs, ours, 640 if request.param == "r18" else 128)


@pytest.mark.parametrize("extra", SIZES)
def test_features_logits_boxes_and_losses(pair, extra):
    images = pair.images(extra)
    size = images.shape[1:3]
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        features = pair.theirs.model.backbone.model(pixels).feature_maps
        theirs = pair.theirs(pixels, labels=[labelled(*each, size) for each in zip(BOXES, LABELS, strict=True)])

    backbone = pair.ours.backbone(images)
    for index, (level, expected) in enumerate(zip(backbone[1:], features, strict=True)):
        assert_same(level, references.channels_last(expected), f"level {index} of the backbone")
    encoded = zip(pair.ours.encoder(backbone[1:]), theirs.encoder_last_hidden_state, strict=True)
    for index, (level, expected) in enumerate(encoded):
        assert_same(level, references.channels_last(expected), f"level {index} of the encoder")

    ours = pair.ours(images)
    first, decoded = ours["chosen"], ours["decoded"]
    for image in range(len(images)):
        order = places(first.class_logits[image], theirs.enc_topk_logits[image].numpy())
        assert_same(tf.gather(first.class_logits[image], order), theirs.enc_topk_logits[image], "the encoder")
        assert_same(tf.gather(first.boxes[image], order), theirs.enc_topk_bboxes[image], "boxes of the encoder")
        found = tf.gather(tf.stack(decoded.class_logits)[:, image], order, axis=1)
        assert_same(found, theirs.intermediate_logits[image], "logits of the layers")
        found = tf.gather(tf.stack(decoded.boxes)[:, image], order, axis=1)
        assert_same(found, theirs.intermediate_reference_points[image], "boxes of the layers")

    truth = Targets(tf.constant(BOXES), tf.constant(LABELS), tf.zeros(LABELS.shape, tf.bool))
    losses = {name: float(value) for name, value in pair.ours.loss(ours, truth).items()}
    expected = {name: float(value) for name, value in theirs.loss_dict.items()}
    of_encoder = f"_aux_{len(decoded.boxes) - 1}"
    assert losses["proposals"] == pytest.approx(total(expected, "", of_encoder), rel=CLOSEST)
    for ours_name, name in {"class": "loss_vfl", "l1": "loss_bbox", "giou": "loss_giou"}.items():
        of_layers = total(expected, name) - total(expected, name, of_encoder)
        assert losses[ours_name] == pytest.approx(of_layers, rel=CLOSEST)


def labelled(boxes: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Return the true boxes of an image as `transformers` takes them."""
    real = labels >= 0
    boxes = from_pixels(tf.constant(boxes[real]), *size).numpy()
    return {"class_labels": torch.from_numpy(labels[real]).long(), "boxes": torch.from_numpy(boxes)}


def total(losses: dict[str, float], start: str, end: str = "") -> float:
    return sum(value for name, value in losses.items() if name.startswith(start) and name.endswith(end))


def places(ours, theirs: np.ndarray) -> np.ndarray:
    """Return the place of each of their queries among ours: two with nearly the same score may have changed places."""
    order = np.abs(theirs[:, None] - np.asarray(ours)[None]).max(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(theirs)))
    return order


def assert_same(ours, theirs, what: str) -> None:
    theirs = np.asarray(theirs)
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(np.asarray(ours) / scale, theirs / scale, rtol=0, atol=CLOSEST, err_msg=what)
