"""The contract of detectors, tested for every name in `names()`.

All rows of a table are tested at one small size; the first row of each family takes the longer tests. What computes
all rows takes minutes, see `make long`.
"""

import functools
import math
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from light_models import EACH_FAMILY, QUICK, create_loud, pictures, truth
from measuring.first_models import CLASSES, FIRST, create_light
from uncompiled import uncompiled

from detect import models
from detect.artefacts.client_suppression import best_detections
from detect.config import build, description
from detect.data.shapes import CLASSES as NAMES
from detect.errors import BadInput
from detect.models.card import ModelCard
from detect.models.detector import Detector, losses_and_gradients
from detect.ops.compiling import Runtime
from detect.structures import Batch, Candidates, Targets
from detect.training.start.initial_weights import Source, start_from
from detect.training.start.resolution import resolve_settings

pytestmark = pytest.mark.slow
ALL = models.names()


@pytest.fixture(scope="module", params=FIRST)
def first(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def created(first) -> tuple[Detector, list[np.ndarray]]:
    detector = create_light(first)
    return detector, detector.get_weights()


@pytest.fixture
def detector(created) -> Detector:
    """One detector for all tests, which calls in training change, with the weights that it was created with."""
    detector, weights = created
    detector.set_weights(weights)
    return detector


@pytest.fixture(scope="module")
def loud(first) -> Detector:
    """Like `detector`, but with scores that differ. The features of SSD are large: most scores would be 0 or 1."""
    return create_loud(first, last=0.1 if first == "ssd-vgg16" else None)


def path(weight) -> str:
    """Return the path of a weight within its model."""
    return weight.path.partition("/")[2]


def total(losses: dict[str, tf.Tensor]) -> float:
    return float(tf.add_n(list(losses.values())))


def total_loss(detector: Detector, outputs, targets: Targets) -> float:
    with uncompiled():
        return total(detector.loss(outputs, targets))


def gradients_of(detector: Detector, targets: Targets):
    """Return losses and gradients, see `losses_and_gradients`."""
    with uncompiled():
        return losses_and_gradients(detector, pictures(detector), targets)


@pytest.mark.parametrize("name", ALL)
def test_rows_are_plausible(name):
    row = models.variant(name)
    assert row.image_size >= 256
    assert row.published_ap is None or 10 < row.published_ap < 70
    assert (row.parameters is None) != (row.counted is None)
    assert row.multiply_adds is None or row.parameters is not None


@pytest.mark.parametrize("name", FIRST)
def test_every_setting_has_a_description(name):
    kind = type(models.variant(name).config)
    assert not [setting for setting in kind.model_fields if not description(kind, setting)]


@pytest.mark.parametrize("name", ALL)
def test_every_recipe_resolves_to_training_settings(name):
    row = models.variant(name)
    settings = resolve_settings({"data": "dataset", "model": name, "recipe": "paper"}, [])
    for key, value in row.recipe.items():
        found = functools.reduce(getattr, key.split("."), settings)
        assert (list(found) if isinstance(found, tuple) else found) == value, key
    build(type(row.config), {**row.config.model_dump(), **settings.architecture}, "architecture")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in FIRST else pytest.mark.long) for name in ALL])
def test_every_model_answers_and_has_its_published_size(name):
    row, detector = models.variant(name), models.without_weights(name, 80)
    images = pictures(detector, 1)
    outputs = detector(images)
    parameters = sum(math.prod(weight.shape) for weight in detector.trainable_weights) / 1e6
    assert parameters == pytest.approx(row.parameters or row.counted, rel=0.01)
    assert np.isfinite(total_loss(detector, outputs, truth(detector, 1)))
    check_detections(detector.decode(outputs), detector, images)


def test_wider_images(detector):
    check_size(detector, (0, 1))


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_higher_images(detector):
    check_size(detector, (2, 0))


def check_size(detector, extra) -> None:
    """Check outputs and detections of images that are higher and wider than squares by `extra` size divisors."""
    images = pictures(detector, 2, tuple(detector.size_divisor * side for side in extra))
    outputs = detector(images, training=False)
    tensors = [value for value in outputs.values() if isinstance(value, tf.Tensor) and value.dtype.is_floating]
    assert tensors
    assert {tensor.dtype for tensor in tensors} == {tf.float32}
    assert {tensor.shape[0] for tensor in tensors} == {2}
    check_detections(detector.decode(outputs, confidence=0.0), detector, images)


def test_boxes_end_where_the_picture_does(detector):
    images = pictures(detector, 2, (0, detector.size_divisor))
    extents = np.float32([[40, 20], [17.5, 60]]) * detector.smallest_side / 64
    found = detector.decode(detector(images, extents=tf.constant(extents)), confidence=0.0)
    assert np.all((found.boxes >= 0) & (found.boxes <= extents[:, None, [1, 0, 1, 0]]))
    everything = detector.decode(detector(images), confidence=0.0)
    assert np.any(everything.boxes > extents[:, None, [1, 0, 1, 0]])


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
@pytest.mark.parametrize("runtime", sorted({*get_args(Runtime)} - {"local"}))
def test_every_runtime_finds_the_same(loud, runtime):
    """Up to rounding. A minimal runtime takes one image."""
    other = type(loud)(loud.config, CLASSES, runtime=runtime)
    images = pictures(loud, 1 if runtime == "minimal" else 2)
    other(images)
    other.set_weights(loud.get_weights())
    outputs = loud(images)
    confidence = selective(loud.candidates(outputs))
    found = other.decode(other(images), confidence=confidence)
    check_same(found, loud.decode(outputs, confidence=confidence))


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_suppression_is_what_it_says(loud):
    """What a client makes of the candidates is what `decode` finds."""
    if loud.suppression is None:
        pytest.skip("boxes do not compete")
    images = pictures(loud)
    extents = np.float32([[40, 20], [17.5, 60]]) * loud.smallest_side / 64
    inputs = {"images": images, "extents": tf.constant(extents)}
    outputs = loud(**{name: inputs[name] for name in loud.candidate_inputs})
    candidates = Candidates(*(part.numpy() for part in loud.candidates(outputs)))
    confidence = selective(candidates)
    found = best_detections(candidates, extents, loud.suppression, confidence, 0.6)
    check_same(found, loud.decode(loud(**inputs), confidence=confidence, iou=0.6))


def selective(candidates: Candidates) -> float:
    """Return a confidence in the widest gap between the 40 and the 60 best scores: few enough pass it to all enter."""
    scores = np.sort(np.ravel(candidates.scores))[-60:-40]
    gap = np.argmax(np.diff(scores))
    return float(scores[gap] + scores[gap + 1]) / 2


def check_same(found, expected) -> None:
    assert 5 < np.sum(expected.labels >= 0) < 60
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(map(in_order, *found), map(in_order, *expected), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def in_order(boxes, scores, labels) -> np.ndarray:
    """Return labels and boxes of an image as sorted rows: of equal scores, either may be the first."""
    rows = np.column_stack([labels, boxes])
    return rows[np.lexsort(rows.round(1).T)]


def check_detections(found, detector: Detector, images: tf.Tensor) -> None:
    rows = detector.config.max_detections
    batch, height, width, _ = images.shape
    assert found.boxes.shape == (batch, rows, 4)
    assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (tf.float32, tf.float32, tf.int32)
    boxes, scores, labels = (part.numpy() for part in found)
    assert np.all(np.diff(scores, axis=1) <= 0)
    assert np.all((scores >= 0) & (scores <= 1))
    assert np.all((labels >= -1) & (labels < detector.classes))
    assert np.all(scores[labels < 0] == 0)
    assert np.all((boxes >= 0) & (boxes <= [width, height, width, height]))


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_eager_and_compiled_losses_agree(detector):
    images, targets = pictures(detector), truth(detector)

    @tf.function(autograph=False)
    def compiled(images, targets):
        return detector.loss(detector(images, targets=targets), targets)

    with uncompiled():
        eager = detector.loss(detector(images, targets=targets), targets)
    for name, loss in compiled(images, targets).items():
        np.testing.assert_allclose(loss, eager[name], rtol=1e-3, err_msg=name)


def test_gradients_reach_every_trainable_weight(detector):
    losses, gradients = gradients_of(detector, truth(detector))
    assert np.isfinite(total(losses))
    for weight, gradient in zip(detector.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_a_batch_without_any_box_has_a_finite_loss_and_gradient(detector):
    nothing = Targets(tf.zeros([2, 3, 4]), tf.fill([2, 3], -1), tf.zeros([2, 3], bool))
    losses, gradients = gradients_of(detector, nothing)
    assert np.isfinite(total(losses))
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_padding_changes_nothing(detector):
    outputs = detector(pictures(detector))
    np.testing.assert_allclose(
        total_loss(detector, outputs, truth(detector, rows=3)),
        total_loss(detector, outputs, truth(detector, rows=7)),
        rtol=1e-6,
    )


def test_an_ignored_region_is_no_background(detector):
    """A region far larger than the image leaves nothing to learn, whatever the head predicts."""
    everywhere = Targets(tf.constant([[[-1e4, -1e4, 1e4, 1e4]]] * 2), tf.constant([[1]] * 2), tf.constant([[True]] * 2))
    assert total_loss(detector, detector(pictures(detector)), everywhere) == 0


def test_an_ignored_region_leaves_a_real_box_in_it_alone(detector):
    """The class and place of the box are still learnt; only background is left out, so the sum cannot grow."""
    outputs, targets = detector(pictures(detector)), truth(detector)
    region = tf.constant([[[-1e4, -1e4, 1e4, 1e4]]] * 2)
    covered = Targets(
        tf.concat([targets.boxes, region], axis=1),
        tf.concat([targets.labels, [[1], [1]]], axis=1),
        tf.concat([targets.ignore, [[True], [True]]], axis=1),
    )
    assert 0 < total_loss(detector, outputs, covered) < total_loss(detector, outputs, targets)


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_fine_tuning_to_another_number_of_classes_keeps_all_weights_of_the_same_shape(detector, first):
    """The names of weights do not depend on the number of classes, and only few of their shapes do."""
    earlier = {path(weight): weight.numpy() + 1 for weight in detector.weights}
    larger = create_light(first, CLASSES + 1)
    random = {path(weight): weight.numpy() for weight in larger.weights}
    card = ModelCard(model=first, config={}, classes=NAMES, category_ids=range(CLASSES), image_size=64)
    start_from(larger, (*NAMES, "another"), "earlier", Source("earlier", card, earlier))
    of_classes = {name for name, tensor in earlier.items() if tensor.shape != random[name].shape}
    assert 2 <= len(of_classes) < len(earlier) / 5
    for weight in larger.weights:
        expected = random if path(weight) in of_classes else earlier
        np.testing.assert_array_equal(weight, expected[path(weight)], err_msg=weight.path)


def test_boxes_are_matchable_each_by_itself(detector):
    side = detector.smallest_side
    boxes = np.float32([[0, 0, 1, 1], [4, 6, side - 9, side - 2], [0, 0, side, side], [0, 3, side, 4]])
    found = detector.matchable(boxes, (side, side))
    assert (found.dtype, found.shape) == (bool, (4,))
    assert found.tolist() == [bool(detector.matchable(box[None], (side, side))[0]) for box in boxes]
    assert detector.matchable(boxes[:0], (side, side)).shape == (0,)


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_keras_fit_evaluate_and_predict(detector, first, tmp_path):
    """Compiled for a family that is traced fast; the losses of all are compared with those of a graph above."""
    batch = Batch(pictures(detector), truth(detector), tf.range(2, dtype=tf.int64))
    data = tf.data.Dataset.from_tensors(batch)
    before = detector.get_weights()
    detector.compile(optimizer=keras.optimizers.SGD(1e-4), run_eagerly=first != QUICK[0])
    history = detector.fit(data, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert any(not np.array_equal(new, old) for new, old in zip(detector.get_weights(), before, strict=True))
    assert np.isfinite(detector.evaluate(data, verbose=0, return_dict=True)["loss"])
    assert detector.predict(data.repeat(2), verbose=0).boxes.shape == (4, detector.config.max_detections, 4)

    detector.save_weights(tmp_path / "x.weights.h5")
    trained = detector.get_weights()
    detector.set_weights(before)
    detector.load_weights(tmp_path / "x.weights.h5")
    assert all(np.array_equal(new, old) for new, old in zip(detector.get_weights(), trained, strict=True))


@pytest.mark.parametrize("first", EACH_FAMILY, indirect=True)
def test_bfloat16(detector):
    """Features are bfloat16; weights, outputs, losses and gradients are float32 and nearly the same.

    Where boxes do not compete, those of a rounded image may come in another order.
    """
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = type(detector)(detector.config, CLASSES)
        mixed(pictures(detector))
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(detector.get_weights())
    outputs, reference = mixed(pictures(detector)), detector(pictures(detector))
    for key, value in outputs.items():
        if isinstance(value, tf.Tensor) and value.dtype.is_floating:
            assert value.dtype == tf.float32
            expected = reference[key]
            if detector.suppression is None and value.shape.rank > 2:
                value, expected = tf.sort(value, axis=1), tf.sort(expected, axis=1)
            spread = float(tf.math.reduce_std(expected))  # without the common offset, such as the prior
            assert float(tf.reduce_mean(tf.abs(value - expected))) < 0.05 * max(spread, 1), key
    losses, gradients = gradients_of(mixed, truth(detector))
    assert {loss.dtype for loss in losses.values()} == {tf.float32}
    assert {gradient.dtype for gradient in gradients} == {tf.float32}
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_all_variables_can_be_on_a_gpu(detector):
    """TensorFlow keeps those of type int32 on the host."""
    assert not [variable.path for variable in detector.variables if variable.dtype == "int32"]


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
