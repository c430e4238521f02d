"""Updates against ones worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from detect.models import yolox
from detect.models.detector import with_random_weights
from detect.training.settings import OptimizerSettings
from detect.training.updates.optimizers import Optimizer, create_optimizer, decays, peak_learning_rate

GRADIENTS = [tf.constant([[3.0], [0.0]]), tf.constant([4.0])]  # norm 5


@pytest.fixture
def variables():
    """Return a kernel and a bias, all ones."""
    return [tf.Variable(tf.ones((2, 1))), tf.Variable(tf.ones(1))]


def changes(variables, gradients=GRADIENTS, **settings):
    """Return what an optimizer with these settings adds to each variable in its first step, by default unclipped."""
    optimizer = Optimizer(OptimizerSettings(**{"clip_norm": None, "weight_decay": 0.0, **settings}), variables)
    return optimizer.changes(gradients, tf.constant(0.1))[0]


def test_only_kernels_decay(variables):
    assert [decays(variable) for variable in variables] == [True, False]


def test_sgd_takes_a_nesterov_step(variables):
    kernel, bias = changes(variables, name="sgd", momentum=0.9)  # first step: (1 + 0.9) * gradient
    np.testing.assert_allclose(kernel, [[-0.57], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [-0.76], rtol=1e-6)


def test_sgd_remembers_its_velocity(variables):
    optimizer = Optimizer(OptimizerSettings(name="sgd", clip_norm=None, weight_decay=0.0), variables)
    ones = [tf.ones((2, 1)), tf.ones(1)]
    optimizer.changes(ones, tf.constant(0.1))
    np.testing.assert_allclose(optimizer.changes(ones, tf.constant(0.1))[0][1], [-0.271], rtol=1e-6)  # 1 + 0.9 * 1.9


def test_sgd_adds_the_decay_of_kernels_to_the_gradient(variables):
    kernel, bias = changes(variables, name="sgd", momentum=0.0, weight_decay=0.5)
    np.testing.assert_allclose(kernel, [[-0.35], [-0.05]], rtol=1e-6)
    np.testing.assert_allclose(bias, [-0.4], rtol=1e-6)


def test_adamw_first_steps_by_the_rate_against_the_sign(variables):
    kernel, bias = changes(variables, name="adamw")
    np.testing.assert_allclose(kernel, [[-0.1], [0.0]], rtol=1e-5)
    np.testing.assert_allclose(bias, [-0.1], rtol=1e-5)


def test_adamw_decay_is_decoupled_from_the_gradient(variables):
    zeros = [tf.zeros((2, 1)), tf.zeros(1)]
    kernel, bias = changes(variables, zeros, name="adamw", weight_decay=0.5)
    np.testing.assert_allclose(kernel, [[-0.05], [-0.05]], rtol=1e-6)
    np.testing.assert_allclose(bias, [0.0])


def test_adamw_equals_a_plain_loop(variables):
    optimizer = Optimizer(OptimizerSettings(name="adamw", clip_norm=None, weight_decay=0.0), variables)
    generator, first, second = np.random.default_rng(0), 0.0, 0.0
    for step in range(1, 6):
        gradient = generator.normal()
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        expected = -0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        got, _ = optimizer.changes([tf.zeros((2, 1)), tf.constant([gradient], tf.float32)], tf.constant(0.1))
        np.testing.assert_allclose(got[1], [expected], rtol=1e-4)


def test_the_norm_of_all_gradients_together_is_clipped(variables):
    kernel, bias = changes(variables, name="sgd", momentum=0.0, clip_norm=1.0)
    np.testing.assert_allclose(kernel, [[-0.06], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [-0.08], rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(variables, name, value):
    optimizer = Optimizer(OptimizerSettings(name=name), variables)
    optimizer.changes(GRADIENTS, tf.constant(0.1))
    before = [variable.numpy() for variable in optimizer.state]
    changes, is_finite = optimizer.changes([tf.constant([[value], [1.0]]), tf.constant([1.0])], tf.constant(0.1))
    assert not is_finite
    assert [change.numpy().tolist() for change in changes] == [[[0], [0]], [0]]
    for variable, old in zip(optimizer.state, before, strict=True):
        np.testing.assert_array_equal(variable, old)
    assert optimizer.changes(GRADIENTS, tf.constant(0.1))[1]
    assert optimizer.iterations.numpy() == 2


@pytest.mark.parametrize(("name", "expected"), [("sgd", 0.04), ("adamw", 0.02)])
def test_rate_follows_the_batch(name, expected):
    settings = OptimizerSettings(name=name, learning_rate=0.01, reference_batch=16)
    assert peak_learning_rate(settings, 64) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_backbone_takes_shorter_steps(variables, name):
    """All else is equal, its weight decay too."""
    settings = OptimizerSettings(name=name, clip_norm=None, weight_decay=0.1, backbone_factor=0.25)
    even = changes(variables, name=name, weight_decay=0.1)
    slow = Optimizer(settings, variables, [variables[0]]).changes(GRADIENTS, tf.constant(0.1))[0]
    np.testing.assert_allclose(slow[0], 0.25 * even[0], rtol=1e-6)
    np.testing.assert_allclose(slow[1], even[1], rtol=1e-6)


def test_the_backbone_of_a_detector_is_that_layer():
    detector = with_random_weights(yolox.YOLOX(yolox.Config(width=0.0625, depth=0.0), 1))
    factors = create_optimizer(OptimizerSettings(backbone_factor=0.5), detector).factors.numpy()
    in_backbone = sum(weight.numpy().size for weight in detector.backbone.trainable_weights)
    assert 0 < in_backbone < len(factors)
    np.testing.assert_array_equal(np.sort(factors), np.repeat([0.5, 1], [in_backbone, len(factors) - in_backbone]))
    assert create_optimizer(OptimizerSettings(), detector).factors.shape == ()
