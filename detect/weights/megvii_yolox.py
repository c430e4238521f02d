"""YOLOX's published checkpoints (https://github.com/Megvii-BaseDetection/YOLOX, release 0.1.1rc0).

The authors do not publish digests. Those here are recorded by independent projects that pin the same files (git-lfs
pointers in axinc-ai/ailia-trainer and ccermeno1/testbill on GitHub, among others), and agree.
"""

from collections.abc import Iterator
from functools import partial

import keras

from detect.data.pixels.resizing import Fit
from detect.layers.composite import Composite
from detect.layers.convolution import ConvolutionBlock, DepthwiseBlock, SeparableBlock
from detect.layers.csp_darknet import CrossStagePartial, CspDarknet, Stage
from detect.layers.path_aggregation import PathAggregationPyramid
from detect.models.yolox import YOLOX, HeadLevel
from detect.weights.checkpoint import Checkpoint
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.files.tensor_files import read_tensors
from detect.weights.tensors import STEP_COUNT, Target, batch_normalization_targets, depthwise_kernel, kernel

RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"


def targets(detector: YOLOX) -> Iterator[Target]:
    """Map the authors' tensors to all weights of the detector, in the order in which their code runs."""
    yield from _backbone(detector.backbone, "backbone.backbone")
    yield from _neck(detector.neck, "backbone")
    for index, level in enumerate(detector.head):
        yield from _head(level, index)


def _backbone(backbone: CspDarknet, name: str) -> Iterator[Target]:
    yield from _block(backbone.focus.block, f"{name}.stem.conv")
    yield from _stage(backbone.stage2, f"{name}.dark2")
    yield from _stage(backbone.stage3, f"{name}.dark3")
    yield from _stage(backbone.stage4, f"{name}.dark4")
    yield from _stage(backbone.stage5, f"{name}.dark5")


def _stage(stage: Stage, name: str) -> Iterator[Target]:
    """Map the tensors of a stage. Its parts are numbered as they run; only the last stage has a pooling."""
    yield from _block(stage.downsample, f"{name}.0")
    if stage.pooling is not None:
        yield from _block(stage.pooling.reduce, f"{name}.1.conv1")
        yield from _block(stage.pooling.merge, f"{name}.1.conv2")
    yield from _partial(stage.partial, f"{name}.1" if stage.pooling is None else f"{name}.2")


def _partial(layer: CrossStagePartial, name: str) -> Iterator[Target]:
    yield from _block(layer.through, f"{name}.conv1")
    yield from _block(layer.around, f"{name}.conv2")
    for index, bottleneck in enumerate(layer.bottlenecks):
        yield from _block(bottleneck.pointwise, f"{name}.m.{index}.conv1")
        yield from _block(bottleneck.spatial, f"{name}.m.{index}.conv2")
    yield from _block(layer.merge, f"{name}.conv3")


def _neck(neck: PathAggregationPyramid, name: str) -> Iterator[Target]:
    yield from _block(neck.lateral32, f"{name}.lateral_conv0")
    yield from _partial(neck.down16, f"{name}.C3_p4")
    yield from _block(neck.lateral16, f"{name}.reduce_conv1")
    yield from _partial(neck.down8, f"{name}.C3_p3")
    yield from _block(neck.stride8to16, f"{name}.bu_conv2")
    yield from _partial(neck.up16, f"{name}.C3_n3")
    yield from _block(neck.stride16to32, f"{name}.bu_conv1")
    yield from _partial(neck.up32, f"{name}.C3_n4")


def _head(level: HeadLevel, index: int) -> Iterator[Target]:
    yield from _block(level.stem, f"head.stems.{index}")
    for position, block in enumerate(level.class_blocks):
        yield from _block(block, f"head.cls_convs.{index}.{position}")
    yield from _prediction(level.class_logits, f"head.cls_preds.{index}")
    for position, block in enumerate(level.box_blocks):
        yield from _block(block, f"head.reg_convs.{index}.{position}")
    yield from _prediction(level.offsets, f"head.reg_preds.{index}")
    yield from _prediction(level.objectness, f"head.obj_preds.{index}")


def _prediction(layer: keras.layers.Conv2D, name: str) -> Iterator[Target]:
    yield Target(f"{name}.weight", layer.kernel, kernel)
    yield Target(f"{name}.bias", layer.bias)


def _block(block: Composite, name: str) -> Iterator[Target]:
    """Map the tensors of a convolution and its normalisation, or of a depthwise and a pointwise one."""
    if isinstance(block, SeparableBlock):
        yield from _block(block.depthwise, f"{name}.dconv")
        yield from _block(block.pointwise, f"{name}.pconv")
        return
    assert isinstance(block, (ConvolutionBlock, DepthwiseBlock))
    convert = depthwise_kernel if isinstance(block, DepthwiseBlock) else kernel
    yield Target(f"{name}.conv.weight", block.convolution.kernel, convert)
    yield from batch_normalization_targets(f"{name}.bn", block.normalization)


def _checkpoint(row: str, published_ap: float, image_size: int, digest: str) -> Checkpoint:
    return Checkpoint(
        name=f"yolox-{row}-coco",
        model=f"yolox-{row}",
        address=f"{RELEASE}/yolox_{row}.pth",
        digest=digest,
        publisher="Megvii, https://github.com/Megvii-BaseDetection/YOLOX#benchmark",
        licence="Apache-2.0; trained on COCO",
        published_ap=published_ap,
        image_size=image_size,
        fit=Fit(resampling="linear"),
        classes=NAMES,
        category_ids=IDS,
        read=partial(read_tensors, entry="model"),
        targets=targets,
        ordered=True,
        unused=(STEP_COUNT,),
    )


CHECKPOINTS = (
    _checkpoint("nano", 25.8, 416, "cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b"),
    _checkpoint("tiny", 32.8, 416, "9de513de589ac98bb92d3bca53b5af7b9acfa9b0bacb831f7999d0f7afaee8f0"),
    _checkpoint("s", 40.5, 640, "f55ded7181e1b0c13285c56e7790b8f0e8f8db590fe4edb37f0b7f345c913a30"),
    _checkpoint("m", 46.9, 640, "60076992b32da82951c90cfa7bd6ab70eba9eda243e08b940a396f60ac2d19b6"),
    _checkpoint("l", 49.7, 640, "1e6b7fa6240375370b2a8a8eab9066b3cdd43fd1d0bfa8d2027fd3a51def2917"),
    _checkpoint("x", 51.1, 640, "5652330b6ae860043f091b8f550a60c10e1129f416edfdb65c259be6caf355cf"),
)
