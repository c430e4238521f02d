"""Multiply-adds of a model for one image, counted as the authors of its published number counted them.

All authors count convolutions and matrix products. They differ in what else they count.
"""

import math
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from detect import models
from detect.models.detector import Detector
from detect.weights.importing import checkpoint_of

CLASSES = 80
EFFICIENTDET_CLASSES = 90  # one per category id of COCO


def multiply_adds(name: str) -> int:
    """Return the multiply-adds of a model for one square image with the side `published_side`."""
    side = published_side(name)
    family, _, row = name.partition("-")
    if family == "efficientdet":  # half of TensorFlow's count, which leaves out normalisation
        return floating_point_operations(graph_of(models.create(name, EFFICIENTDET_CLASSES), side, training=True)) // 2
    apart = family in ("yolox", "rtdetrv2")  # counted before normalisations or parallel convolutions were folded
    found = list(operations(graph_of(models.create(name, CLASSES), side, training=apart)))
    if family == "yolox":  # counted with thop (pytorch-OpCounter): normalisation counts two per output
        return sum(map(weighted_sums, found)) + 2 * sum(map(normalized, found))
    if family in ("dfine", "deimv2"):  # counted with calflops, which leaves out the products within attention
        found = [operation for operation in found if operation.type != "BatchMatMulV2"]
    if (family, row) == ("fasterrcnn", "mobilenetv3"):  # counted for an image without proposals
        found = [operation for operation in found if "region_head" not in operation.name]
    return sum(map(weighted_sums, found))


def published_side(name: str) -> int:
    """Return the side of the images that the authors counted for, pixels."""
    checkpoint = checkpoint_of(name)
    return checkpoint.image_size if checkpoint else models.variant(name).image_size


def graph_of(detector: Detector, side: int, training: bool) -> tf.Graph:
    """Return the graph of the network for one image. In training, normalisation is not folded into convolutions."""
    signature = [tf.TensorSpec([1, side, side, 3], tf.uint8)]
    network = tf.function(lambda images: detector(images, training=training), signature, autograph=False)
    return network.get_concrete_function().graph


def floating_point_operations(graph: tf.Graph) -> int:
    options = {**tf.compat.v1.profiler.ProfileOptionBuilder.float_operation(), "output": "none"}
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def operations(graph: Any) -> Iterator[tf.Operation]:
    """Yield the operations of a graph and of the functions that it calls."""
    for operation in graph.get_operations():
        yield operation
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            yield from operations(graph._get_function(operation.get_attr("f").name).graph)


def weighted_sums(operation: tf.Operation) -> int:
    """Return the multiply-adds of a convolution or matrix product: per output, the number of products in its sum."""
    kind = operation.type
    if kind in ("Conv2D", "DepthwiseConv2dNative"):
        kernel = operation.inputs[1]
        if kernel.op.type == "Pad":  # only shifts the padding, see layers/depthwise.py
            kernel = kernel.op.inputs[0]
        height, width, channels, _ = kernel.shape
        return outputs(operation) * height * width * (channels if kind == "Conv2D" else 1)
    if kind in ("MatMul", "BatchMatMulV2"):
        transposed = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        return outputs(operation) * operation.inputs[0].shape[-2 if transposed else -1]
    return 0


def normalized(operation: tf.Operation) -> int:
    """Return the number of outputs of a batch normalisation, 0 for other operations."""
    return outputs(operation) if operation.type.startswith("FusedBatchNorm") else 0


def outputs(operation: tf.Operation) -> int:
    return math.prod(operation.outputs[0].shape)
