"""What every detector promises, asked of every name that `names()` gives.

All rows of a table answer at one small size; the smallest row of each family answers the longer questions.
"""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.errors import BadInput
from detect.models.detector import Detector, losses_and_gradients
from detect.structures import Batch, Targets

CLASSES = 3
MILLIONS = {  # of trainable parameters, as published for the 80 classes of COCO
    "yolox-nano": 0.91,
    "yolox-tiny": 5.06,
    "yolox-s": 8.97,
    "yolox-m": 25.33,
    "yolox-l": 54.21,
    "yolox-x": 99.07,
}
ALL = models.names()
SMALLEST = ["yolox-micro", "retinanet-r18"]


@pytest.fixture(scope="module", params=SMALLEST)
def detector(request) -> Detector:
    keras.utils.set_random_seed(0)
    return models.create(request.param, CLASSES)


def pictures(batch: int = 2, height: int = 64, width: int = 64, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).integers(0, 256, (batch, height, width, 3)), tf.uint8)


def truth(batch: int = 2, rows: int = 3) -> Targets:
    """The first picture has two boxes, the others none."""
    boxes, labels = np.zeros((batch, rows, 4), np.float32), np.full((batch, rows), -1, np.int32)
    boxes[0, :2] = [[4, 6, 40, 50], [30, 20, 44, 34]]
    labels[0, :2] = [2, 0]
    return Targets(tf.constant(boxes), tf.constant(labels), tf.zeros([batch, rows], bool))


def total(losses: dict[str, tf.Tensor]) -> float:
    return float(tf.add_n(list(losses.values())))


def test_every_family_is_asked():
    assert {name.split("-")[0] for name in SMALLEST} == {name.split("-")[0] for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_rows_are_usable(name):
    row = models.variant(name)
    assert row.image_size % 32 == 0
    assert row.published_ap is None or 10 < row.published_ap < 70


@pytest.mark.parametrize("name", ALL)
def test_every_model_answers_and_has_its_published_size(name):
    detector = models.create(name, 80)
    parameters = sum(math.prod(weight.shape) for weight in detector.trainable_weights)
    assert round(parameters / 1e6, 2) == MILLIONS.get(name, round(parameters / 1e6, 2))
    outputs = detector(pictures(1))
    assert np.isfinite(total(detector.loss(outputs, truth(1))))
    check_detections(detector.decode(outputs), detector, 1, 64, 64)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (128, 64)])
def test_sizes_that_are_not_square(detector, height, width):
    images = pictures(2, height, width)
    outputs = detector(images, training=False)
    tensors = [value for value in outputs.values() if isinstance(value, tf.Tensor)]
    assert tensors
    assert {tensor.dtype for tensor in tensors} == {tf.float32}
    assert {tensor.shape[0] for tensor in tensors} == {2}
    assert len({tensor.shape[1] for tensor in tensors}) == 1  # A
    check_detections(detector.decode(outputs, confidence=0.0), detector, 2, height, width)


def check_detections(found, detector: Detector, batch: int, height: int, width: int) -> None:
    rows = detector.config.max_detections
    assert found.boxes.shape == (batch, rows, 4)
    assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (tf.float32, tf.float32, tf.int32)
    boxes, scores, labels = (part.numpy() for part in found)
    assert np.all(np.diff(scores, axis=1) <= 0)
    assert np.all((scores >= 0) & (scores <= 1))
    assert np.all((labels >= -1) & (labels < detector.classes))
    assert np.all(scores[labels < 0] == 0)
    assert np.all((boxes >= 0) & (boxes <= [width, height, width, height]))


def test_eager_and_compiled_losses_agree(detector):
    images, targets = pictures(), truth()

    @tf.function(autograph=False)
    def compiled(images, targets):
        return detector.loss(detector(images, targets=targets), targets)

    eager = detector.loss(detector(images, targets=targets), targets)
    for name, loss in compiled(images, targets).items():
        np.testing.assert_allclose(loss, eager[name], rtol=1e-3, err_msg=name)


def test_gradients_reach_every_trainable_weight(detector):
    losses, gradients = losses_and_gradients(detector, pictures(), truth())
    assert np.isfinite(total(losses))
    for weight, gradient in zip(detector.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_a_batch_without_any_box_has_a_finite_loss_and_gradient(detector):
    nothing = Targets(tf.zeros([2, 3, 4]), tf.fill([2, 3], -1), tf.zeros([2, 3], bool))
    losses, gradients = losses_and_gradients(detector, pictures(), nothing)
    assert np.isfinite(total(losses))
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_padding_changes_nothing(detector):
    outputs = detector(pictures())
    np.testing.assert_allclose(
        total(detector.loss(outputs, truth(rows=3))), total(detector.loss(outputs, truth(rows=7))), rtol=1e-6
    )


def test_an_ignored_region_is_no_background(detector):
    """A region far larger than the picture leaves nothing to learn, whatever the head says."""
    everywhere = Targets(tf.constant([[[-1e4, -1e4, 1e4, 1e4]]] * 2), tf.constant([[1]] * 2), tf.constant([[True]] * 2))
    assert total(detector.loss(detector(pictures()), everywhere)) == 0


def test_an_ignored_region_leaves_a_real_box_in_it_alone(detector):
    """The box still learns its class and place; only background is taken away, so the sum cannot grow."""
    outputs, targets = detector(pictures()), truth()
    region = tf.constant([[[-1e4, -1e4, 1e4, 1e4]]] * 2)
    covered = Targets(
        tf.concat([targets.boxes, region], axis=1),
        tf.concat([targets.labels, [[1], [1]]], axis=1),
        tf.concat([targets.ignore, [[True], [True]]], axis=1),
    )
    assert 0 < total(detector.loss(outputs, covered)) < total(detector.loss(outputs, targets))


def test_keras_fit_evaluate_and_predict(detector, tmp_path):
    batch = Batch(pictures(), truth(), tf.range(2, dtype=tf.int64))
    data = tf.data.Dataset.from_tensors(batch).repeat(3)
    before = detector.get_weights()
    detector.compile(optimizer=keras.optimizers.SGD(1e-4))
    history = detector.fit(data, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert any(not np.array_equal(new, old) for new, old in zip(detector.get_weights(), before, strict=True))
    assert np.isfinite(detector.evaluate(data, verbose=0, return_dict=True)["loss"])
    assert detector.predict(data, verbose=0).boxes.shape == (6, detector.config.max_detections, 4)

    detector.save_weights(tmp_path / "x.weights.h5")
    trained = detector.get_weights()
    detector.set_weights(before)
    detector.load_weights(tmp_path / "x.weights.h5")
    assert all(np.array_equal(new, old) for new, old in zip(detector.get_weights(), trained, strict=True))


def test_bfloat16(detector):
    """Features are bfloat16, weights, outputs, losses and gradients float32; the numbers are about the same."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = type(detector)(detector.config, CLASSES)
        mixed(pictures())
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(detector.get_weights())
    outputs, reference = mixed(pictures()), detector(pictures())
    for key, value in outputs.items():
        if isinstance(value, tf.Tensor):
            assert value.dtype == tf.float32
            assert float(tf.reduce_mean(tf.abs(value - reference[key]))) < 0.05
    losses, gradients = losses_and_gradients(mixed, pictures(), truth())
    assert {loss.dtype for loss in losses.values()} == {tf.float32}
    assert {gradient.dtype for gradient in gradients} == {tf.float32}
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_weights_have_names_that_do_not_depend_on_other_models():
    first, second = (models.create("yolox-micro", CLASSES, width=0.0625, depth=0.0) for _ in range(2))
    paths = [weight.path for weight in first.weights]
    assert len(set(paths)) == len(paths)
    assert [path.split("/", 1)[1] for path in paths] == [weight.path.split("/", 1)[1] for weight in second.weights]


def test_micro_has_fewer_than_three_million_parameters():
    assert models.create("yolox-micro", 80).count_params() < 3e6


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(BadInput, match="Did you mean 'yolox-nano'"):
        models.create("yolox-nan", CLASSES)


def test_an_unknown_setting_gets_the_nearest_one():
    with pytest.raises(BadInput, match="Did you mean 'width'"):
        models.create("yolox-micro", CLASSES, widht=0.5)


def test_no_classes_is_an_error():
    with pytest.raises(BadInput, match="at least one class"):
        models.create("yolox-micro", 0)
