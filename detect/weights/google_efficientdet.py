"""EfficientDet's published checkpoints (https://github.com/google/automl, `efficientdet/README.md`).

A file is an archive of a TensorFlow checkpoint, which is either name-based or object-based; both have the same variable
names. Where it has moving averages of the weights, these are read, since the authors evaluate them.

Google does not publish digests. Those of D0 and D1 are recorded in Intel's Open Model Zoo (https://github.com/
openvinotoolkit/open_model_zoo, `models/public/efficientdet-d0-tf/model.yml`). No digests of the other files are known,
so only their completeness, names and shapes are checked.
"""

import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect import models
from detect.data.pixels.resizing import Fit
from detect.errors import BadInput
from detect.layers.batch_normalization import BatchNormalization
from detect.layers.bifpn import Cell, Node
from detect.layers.efficientnet import LITE_MEAN, MEAN, EfficientNet, InvertedBottleneck
from detect.layers.same_convolution import SameConvolution, SeparableConvolution
from detect.models.efficientdet import EfficientDet, Head
from detect.ops.tensorflow_internals import TrackableObjectGraph
from detect.weights.checkpoint import Checkpoint
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.tensors import Target

PUBLISHER = "Google, https://github.com/google/automl/tree/master/efficientdet"
BUCKET = "https://storage.googleapis.com/cloud-tpu-checkpoints/efficientdet"
PUBLISHED_CLASSES = 90  # a column for each id of COCO, 80 of which are classes
COLUMNS = tuple(number - 1 for number in IDS)
FROM_YXHW = (1, 0, 3, 2)  # dy, dx, dh, dw -> dx, dy, dw, dh

AVERAGE = "/ExponentialMovingAverage"
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
UNUSED = ("global_step", "save_counter", "/Momentum")  # the state of the training

DIGESTS = {
    "d0": "74794c937aa1fa2f559c2393d22b251b1f7135a49b108bd0414bc4f4800ca15d",
    "d1": "31d8741da9840ab8bddfaa041d395d84a8c1e4e54db01cf8d277471afad5d6e0",
}
BACKBONES = {"d7": "efficientnet-b6", "d7x": "efficientnet-b7"}  # that of the others has the number of the model


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of an archive (.tar.gz, .tgz) of a TensorFlow checkpoint, by the names of their variables.

    Raises:
        BadInput: the file is not such an archive.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            prefix = _unpack(path, Path(folder))
            reader = tf.train.load_checkpoint(str(prefix))
            return {name: reader.get_tensor(key) for name, key in _keys(reader).items()}
        except (tarfile.TarError, EOFError, zlib.error, tf.errors.OpError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(":. ")
            raise BadInput(
                f"{path} is not an archive of a TensorFlow checkpoint: {reason}. Download it again."
            ) from None


def _unpack(archive: Path, folder: Path) -> Path:
    """Copy the files of the checkpoint to `folder`, without their folders, and return the prefix of their names."""
    with tarfile.open(archive) as members:
        for member in members:
            name = Path(member.name).name
            if member.isfile() and not name.startswith(".") and (name.endswith(".index") or ".data-" in name):
                content = members.extractfile(member)
                assert content is not None  # it is a file
                (folder / name).write_bytes(content.read())
    indices = sorted(folder.glob("*.index"))
    if len(indices) != 1:
        raise ValueError(f"expected one file *.index in it, got {len(indices)}")
    return indices[0].with_suffix("")


def _keys(reader) -> dict[str, str]:
    """Return, by variable name, the key of the tensor to read: the moving average where there is one."""
    keys: dict[str, str] = {}
    for name, key in sorted(_names(reader)):
        variable = name.removesuffix(AVERAGE)
        if name != variable or variable not in keys:
            keys[variable] = key
    return keys


def _names(reader) -> Iterator[tuple[str, str]]:
    """Yield the name and key of every variable. In an object-based checkpoint, keys are paths of attributes."""
    keys = reader.get_variable_to_shape_map()
    if OBJECTS not in keys:
        yield from ((key, key) for key in keys)
        return
    graph = TrackableObjectGraph.FromString(reader.get_tensor(OBJECTS))
    for node in graph.nodes:
        for attribute in node.attributes:
            if attribute.checkpoint_key in keys and not attribute.checkpoint_key.startswith("optimizer"):
                yield attribute.full_name, attribute.checkpoint_key


def targets(detector: EfficientDet, backbone: str) -> Iterator[Target]:
    """Map the authors' tensors to all weights of the detector; `backbone` is the name of the backbone in their code."""
    yield from _backbone(detector.backbone, backbone)
    yield from _convolution(detector.neck.coarse, "resample_p6/conv2d", "resample_p6/bn")
    for index, cell in enumerate(detector.neck.cells):
        yield from _cell(cell, f"fpn_cells/cell_{index}")
    yield from _head(detector.class_head, "class", partial(_columns, published=PUBLISHED_CLASSES, keep=COLUMNS))
    yield from _head(detector.box_head, "box", partial(_columns, published=4, keep=FROM_YXHW))


def _backbone(backbone: EfficientNet, name: str) -> Iterator[Target]:
    yield from _convolution(backbone.stem, f"{name}/stem/conv2d", f"{name}/stem/tpu_batch_normalization")
    for index, block in enumerate(backbone.blocks):
        yield from _block(block, f"{name}/blocks_{index}")


def _block(block: InvertedBottleneck, name: str) -> Iterator[Target]:
    """Map the tensors of a block. Layers of one kind are numbered in the order in which they run, after the first."""
    convolutions = iter(("conv2d", "conv2d_1"))
    normalizations = iter(f"{name}/tpu_batch_normalization{end}" for end in ("", "_1", "_2"))
    if block.expand is not None:
        yield from _convolution(block.expand, f"{name}/{next(convolutions)}", next(normalizations))
    yield Target(f"{name}/depthwise_conv2d/depthwise_kernel", block.depthwise.kernel, _depthwise)
    yield from _normalization(block.depthwise.normalization, next(normalizations))
    if block.excite is not None:
        yield Target(f"{name}/se/conv2d/kernel", block.excite.squeeze, _matrix)
        yield Target(f"{name}/se/conv2d/bias", block.excite.squeeze_bias)
        yield Target(f"{name}/se/conv2d_1/kernel", block.excite.excite, _matrix)
        yield Target(f"{name}/se/conv2d_1/bias", block.excite.excite_bias)
    yield from _convolution(block.project, f"{name}/{next(convolutions)}", next(normalizations))


def _cell(cell: Cell, name: str) -> Iterator[Target]:
    """Map the tensors of a cell. Nodes are numbered in the order in which they run, their parts behind the levels."""
    downward = [(level, cell.down[level]) for level in reversed(range(cell.levels - 1))]
    upward = list(enumerate(cell.up, start=1))
    for index, (level, node) in enumerate(downward + upward):
        yield from _node(node, f"{name}/fnode{index}", level, cell.levels + index)


def _node(node: Node, name: str, level: int, number: int) -> Iterator[Target]:
    if node.fusion is not None:
        for index, share in enumerate(node.fusion.shares):
            yield Target(f"{name}/WSM" + (f"_{index}" if index else ""), share)
    if node.project is not None:
        resample = f"{name}/resample_0_{level}_{number}"
        yield from _convolution(node.project, f"{resample}/conv2d", f"{resample}/bn")
    yield from _separable(node.convolution, f"{name}/op_after_combine{number}/conv")
    yield from _normalization(node.normalization, f"{name}/op_after_combine{number}/bn")


def _head(head: Head, kind: str, keep: Callable[[np.ndarray], np.ndarray]) -> Iterator[Target]:
    for index, convolution in enumerate(head.convolutions):
        yield from _separable(convolution, f"{kind}_net/{kind}-{index}")
    for position, normalization in enumerate(head.normalizations):
        level, index = divmod(position, len(head.convolutions))
        yield from _normalization(normalization, f"{kind}_net/{kind}-{index}-bn-{level + 3}")
    name = f"{kind}_net/{kind}-predict"
    yield Target(f"{name}/depthwise_kernel", head.last.depthwise_kernel, _depthwise)
    yield Target(f"{name}/pointwise_kernel", head.last.pointwise_kernel, keep)
    yield Target(f"{name}/bias", head.last.bias, keep)


def _separable(layer: SeparableConvolution, name: str) -> Iterator[Target]:
    yield Target(f"{name}/depthwise_kernel", layer.depthwise_kernel, _depthwise)
    yield Target(f"{name}/pointwise_kernel", layer.pointwise_kernel)
    yield Target(f"{name}/bias", layer.bias)


def _convolution(layer: SameConvolution, name: str, normalization: str) -> Iterator[Target]:
    yield Target(f"{name}/kernel", layer.kernel)
    if layer.bias is not None:
        yield Target(f"{name}/bias", layer.bias)
    yield from _normalization(layer.normalization, normalization)


def _normalization(layer: BatchNormalization, name: str) -> Iterator[Target]:
    for part in ("gamma", "beta", "moving_mean", "moving_variance"):
        yield Target(f"{name}/{part}", getattr(layer, part))


def _depthwise(array: np.ndarray) -> np.ndarray:
    """[height, width, C, 1] -> [height, width, C]."""
    return array[..., 0]


def _matrix(array: np.ndarray) -> np.ndarray:
    """[1, 1, in, out] -> [in, out]."""
    return array[0, 0]


def _columns(array: np.ndarray, published: int, keep: Sequence[int]) -> np.ndarray:
    """Select `keep` of the `published` values of each anchor, which are in sequence along the last axis."""
    anchors = array.reshape(*array.shape[:-1], -1, published)
    return anchors[..., list(keep)].reshape(*array.shape[:-1], -1)


def _checkpoint(row: str) -> Checkpoint:
    variant = models.variant(f"efficientdet-{row}")
    lite = row.startswith("lite")
    file = f"coco/efficientdet-{row}.tgz" if lite else f"coco2/efficientdet-{row}.tar.gz"
    backbone = f"efficientnet-{row}" if lite else BACKBONES.get(row, f"efficientnet-b{row[1:]}")
    assert variant.published_ap is not None
    return Checkpoint(
        name=f"efficientdet-{row}-coco",
        model=f"efficientdet-{row}",
        address=f"{BUCKET}/{file}",
        digest=DIGESTS.get(row, ""),
        publisher=PUBLISHER,
        licence="Apache-2.0; trained on COCO",
        published_ap=variant.published_ap,
        image_size=variant.image_size,
        # The authors resize without antialiasing, and pad normalised images with 0, which is the mean.
        fit=Fit(padding=LITE_MEAN if lite else MEAN, resampling="exact"),
        classes=NAMES,
        category_ids=IDS,
        read=read_tensors,
        targets=partial(targets, backbone=backbone),
        unused=UNUSED,
    )


CHECKPOINTS = tuple(
    _checkpoint(row)
    for row in ("d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d7x", "lite0", "lite1", "lite2", "lite3", "lite4")
)
