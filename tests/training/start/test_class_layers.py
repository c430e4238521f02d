"""Class layers in which the weights of some classes are kept."""

import numpy as np
import tensorflow as tf
from measuring.first_models import create_light

from detect.training.start.class_layers import ClassLayer, by_name, class_layers


def test_values_of_a_class_lie_beside_each_other():
    """Two values for each of two classes, which become the last and the first of three."""
    layer = ClassLayer(shape=(6,), classes=3, each=2, grouped_by_class=True)
    kept = layer.with_kept(np.zeros(6), np.array([1, 2, 3, 4]), [2, 0])
    assert kept.tolist() == [3, 4, 0, 0, 1, 2]
    assert layer.shape_for(2) == (4,)


def test_classes_of_an_anchor_lie_beside_each_other_with_the_background_last():
    """Two anchors with a background, and one class that becomes the second of two."""
    layer = ClassLayer(shape=(6,), classes=2, each=2, grouped_by_class=False)
    kept = layer.with_kept(np.zeros(6), np.array([1, 2, 3, 4]), [1])
    assert kept.tolist() == [0, 1, 2, 0, 3, 4]


def test_without_a_background_in_a_kernel():
    layer = ClassLayer(shape=(1, 4), classes=2, each=2, grouped_by_class=False)
    assert layer.with_kept(np.zeros((1, 4)), np.array([[1, 2]]), [1]).tolist() == [[0, 1, 0, 2]]


def test_the_logits_of_kept_classes_stay_as_they_were():
    """Two of three classes of a detector are those of an earlier one, in another order.

    The second stage of Faster R-CNN has a background, and a layer of each layout. All other weights are equal: they
    have the same seeds.
    """
    earlier, detector = (create_light("fasterrcnn-r18", classes) for classes in (2, 3))
    layers, old = class_layers(detector), by_name(earlier)
    assert {path.split("/")[-2] for path in layers} == {"class_logits", "class_deltas"}
    rng = np.random.default_rng(0)
    for path, layer in layers.items():
        old[path].assign(rng.normal(size=layer.shape_for(2)))
        weight = by_name(detector)[path]
        weight.assign(layer.with_kept(weight.numpy(), old[path].numpy(), [2, 0]))
    pooled = tf.constant(rng.normal(size=[1, 5, 7, 7, 64]), tf.float32)
    for before, after in zip(earlier.region_head(pooled), detector.region_head(pooled), strict=True):
        kept = [2, 0, 3] if after.shape.rank == 3 else [2, 0]  # logits, with the background, and box deltas
        axis = -1 if after.shape.rank == 3 else 2
        np.testing.assert_allclose(tf.gather(after, kept, axis=axis), before, atol=1e-5)
