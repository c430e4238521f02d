"""SGD and AdamW over all trainable weights of a model at once.

A detector has hundreds of small tensors, and an update of each on its own is thousands of tiny operations. Here all
of them are one vector: one sum over replicas, one norm, one update, whose parts are then added to the weights.
"""

import math
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from detect.training.settings import OptimizerSettings


def peak_learning_rate(settings: OptimizerSettings, images_per_step: int) -> float:
    """The full learning rate for a step of `images_per_step` images.

    In proportion to the batch for SGD (Goyal et al., arXiv 1706.02677), to its root for Adam (Malladi et al.,
    arXiv 2205.10287).
    """
    ratio = images_per_step / settings.reference_batch
    return settings.learning_rate * (ratio if settings.name == "sgd" else ratio**0.5)


def decays(variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases and normalisation."""
    return len(variable.shape) > 1


def replica_variable(value: tf.Tensor, name: str) -> tf.Variable:
    """A variable of which every replica keeps and updates its own copy; all compute the same, so nothing is sent."""
    return tf.Variable(
        value,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def flatten(tensors: Iterable[tf.Tensor]) -> tf.Tensor:
    """All numbers of some tensors as one vector."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


class Optimizer:
    """Turns the gradients of `variables`, P numbers in all, into changes.

    Attributes:
        state: what a checkpoint must keep beside the variables.
    """

    def __init__(self, settings: OptimizerSettings, variables: list[tf.Variable]):
        self.settings = settings
        self.variables = variables
        self.sizes = [math.prod(variable.shape) for variable in variables]
        self.shapes = [variable.shape for variable in variables]
        decayed = [np.full(size, decays(variable)) for variable, size in zip(variables, self.sizes, strict=True)]
        self.decayed = np.concatenate(decayed).astype(np.float32)  # [P], 1 where weight decay applies
        self.iterations = replica_variable(tf.constant(0.0), "iterations")
        names = ("velocity",) if settings.name == "sgd" else ("first_moment", "second_moment")
        self.moments = [replica_variable(tf.zeros(sum(self.sizes)), name) for name in names]
        self.state = [self.iterations, *self.moments]

    def changes(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> list[tf.Tensor]:
        """What to add to each variable. Called in a replica, within the compiled step.

        Gradients are summed over replicas before they are clipped: the norm is that of the whole batch's gradient.
        """
        gradient = flatten(gradients)
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync > 1:
            gradient = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradient)
        if self.settings.clip_norm is not None:
            gradient = tf.clip_by_norm(gradient, self.settings.clip_norm)
        decay = self.settings.weight_decay * self.decayed * flatten(self.variables)
        rule = self._sgd if self.settings.name == "sgd" else self._adamw
        change = -learning_rate * rule(gradient, decay)
        parts = tf.split(change, self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def _sgd(self, gradient: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        """Nesterov momentum (Sutskever et al., ICML 2013, as PyTorch writes it); the decay is part of the gradient."""
        (velocity,), momentum = self.moments, self.settings.momentum
        gradient += decay
        velocity.assign(momentum * velocity + gradient)
        return gradient + momentum * velocity

    def _adamw(self, gradient: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        """Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101, algorithm 2."""
        (first, second), beta_1, beta_2 = self.moments, self.settings.momentum, self.settings.beta_2
        self.iterations.assign_add(1.0)
        first.assign(beta_1 * first + (1 - beta_1) * gradient)
        second.assign(beta_2 * second + (1 - beta_2) * tf.square(gradient))
        mean = first / (1 - beta_1**self.iterations)
        deviation = tf.sqrt(second / (1 - beta_2**self.iterations))
        return mean / (deviation + 1e-8) + decay
