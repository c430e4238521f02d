"""YOLOX as its authors export it to ONNX: without names, and with normalisations folded into convolutions."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from onnx import helper, numpy_helper

from detect import models
from detect.errors import BadInput
from detect.layers.folded_normalization import is_folded, normalizations, restore_statistics
from detect.models.detector import Detector
from detect.weights import importing, megvii_yolox
from detect.weights.importing import ForeignFileError

CONFIG = {"width": 0.0625, "depth": 0.33, "separable": True}
EPSILON = 1e-3  # of YOLOX's normalisations
CHECKPOINT = dataclasses.replace(
    importing.find("yolox-nano-coco"),
    model="yolox-micro",
    config=CONFIG,
    classes=("person", "bicycle", "car"),
    category_ids=(1, 2, 3),
)
Folded = list[tuple[str, np.ndarray, np.ndarray]]  # name, kernel and bias of each convolution


@pytest.fixture(scope="module")
def original() -> Detector:
    """Return a detector whose normalisations have statistics, scales and offsets, as after training."""
    detector = models.create("yolox-micro", 3, **CONFIG)
    random = np.random.RandomState(0)
    for layer in normalizations(detector):
        for weight in layer.weights:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return detector


@pytest.fixture(scope="module")
def convolutions(original) -> Folded:
    """Return the convolutions as PyTorch's exporter writes them: those with a normalisation get a number for a name."""
    layers = {layer.path: layer for layer in original._flatten_layers()}
    found: Folded = []
    for target in megvii_yolox.targets(original):
        layer = layers[target.variable.path.rpartition("/")[0]]
        if target.variable is layer.weights[0] and len(target.variable.shape) == 4:
            kernel = target.variable.numpy().transpose((2, 3, 0, 1) if "depthwise" in layer.path else (3, 2, 0, 1))
            normalization = layers.get(layer.path.replace("convolution", "normalization"))
            if normalization is layer:  # a prediction, which has a bias
                found.append((target.name, kernel, layer.bias.numpy()))
            else:
                found.append((f"Conv_{len(found)}", *fold_by_hand(kernel, *normalization.weights)))
    return found


def fold_by_hand(kernel, gamma, beta, mean, variance) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias: gamma * (k x - mean) / sqrt(variance + epsilon) + beta = (scale * k) x + offset."""
    scale = gamma.numpy() / np.sqrt(variance.numpy() + EPSILON)
    return kernel * scale[:, None, None, None], beta.numpy() - mean.numpy() * scale


def write(path: Path, convolutions: Folded, biased: bool = True) -> Path:
    nodes, tensors = [], []
    for name, kernel, bias in convolutions:
        nodes.append(helper.make_node("Conv", ["x", name, *([f"{name}_bias"] if biased else [])], ["y"]))
        tensors += [numpy_helper.from_array(kernel, name), numpy_helper.from_array(bias, f"{name}_bias")]
    graph = helper.make_graph(nodes, "graph", [], [], initializer=tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def outputs(detector: Detector, training: bool = False) -> np.ndarray:
    images = np.random.RandomState(1).randint(0, 256, (4, 64, 96, 3)).astype(np.uint8)
    found = detector(tf.constant(images), training=training)
    return np.concatenate([found["offsets"], found["objectness"][..., None], found["class_logits"]], axis=-1)


def test_outputs_are_the_same_and_training_starts_from_them(original, convolutions, tmp_path):
    detector, card = importing.read(CHECKPOINT, write(tmp_path / "yolox.onnx", convolutions))
    assert card.source == "yolox.onnx, which has the tensors of yolox-nano-coco"
    assert all(map(is_folded, normalizations(detector)))
    expected = outputs(original)
    np.testing.assert_allclose(outputs(detector), expected, atol=1e-4)
    images = np.random.RandomState(1).randint(0, 256, (4, 64, 96, 3)).astype(np.uint8)
    assert restore_statistics(detector, [tf.constant(images)]) == len(normalizations(detector))
    np.testing.assert_allclose(outputs(detector), expected, atol=1e-4)
    np.testing.assert_allclose(outputs(detector, training=True), expected, atol=1e-2)
    assert not any(map(is_folded, normalizations(detector)))


def test_convolutions_in_another_order_are_refused(convolutions, tmp_path):
    """The names that are left tell, even where all shapes fit."""
    names = [name for name, *_ in convolutions]
    first, second = names.index("head.cls_preds.0.weight"), names.index("head.cls_preds.1.weight")
    convolutions = list(convolutions)
    convolutions[first], convolutions[second] = convolutions[second], convolutions[first]
    with pytest.raises(BadInput, match=r"has head\.cls_preds\.1\.weight in the place of head\.cls_preds\.0\.weight"):
        importing.read(CHECKPOINT, write(tmp_path / "yolox.onnx", convolutions))


def test_other_convolutions_are_refused(convolutions, tmp_path):
    path = tmp_path / "yolox.onnx"
    with pytest.raises(BadInput, match=r"is not a yolox-micro: it has 2 convolutions and not \d+"):
        importing.read(CHECKPOINT, write(path, convolutions[:2]))
    with pytest.raises(BadInput, match=r"backbone\.backbone\.stem\.conv\.conv\.weight is neither named nor folded"):
        importing.read(CHECKPOINT, write(path, convolutions, biased=False))
    smaller = [(name, kernel[:1], bias) for name, kernel, bias in convolutions]
    with pytest.raises(BadInput, match=r"backbone\.backbone\.stem\.conv\.conv\.weight becomes \[3, 3, 12, 1\]"):
        importing.read(CHECKPOINT, write(path, smaller))


def test_other_models_need_the_names(convolutions, tmp_path):
    path = write(tmp_path / "model.onnx", convolutions)
    with pytest.raises(ForeignFileError, match="got tensors such as Conv_0"):
        importing.read(dataclasses.replace(CHECKPOINT, ordered=False, unused=()), write(path, convolutions[:2]))
