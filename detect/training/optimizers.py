"""Keras' optimizers, set up as detectors are trained: decay on kernels only, one clipped gradient for all replicas."""

import keras
import tensorflow as tf

from detect.models.detector import Detector
from detect.training.settings import OptimizerSettings


def create_optimizer(settings: OptimizerSettings, detector: Detector) -> keras.optimizers.Optimizer:
    """An optimizer built on the trainable variables of `detector`; its learning rate is set before every step."""
    if settings.name == "sgd":
        optimizer = keras.optimizers.SGD(settings.learning_rate, momentum=settings.momentum, nesterov=True)
    else:
        optimizer = keras.optimizers.AdamW(
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            beta_1=settings.momentum,
            beta_2=settings.beta_2,
        )
        optimizer.exclude_from_weight_decay(var_list=[v for v in detector.trainable_variables if not decays(v)])
    optimizer.build(detector.trainable_variables)
    return optimizer


def peak_learning_rate(settings: OptimizerSettings, images_per_step: int) -> float:
    """The full learning rate for a step of `images_per_step` images.

    In proportion to the batch for SGD (Goyal et al., arXiv 1706.02677), to its root for Adam (Malladi et al.,
    arXiv 2205.10287).
    """
    ratio = images_per_step / settings.reference_batch
    return settings.learning_rate * (ratio if settings.name == "sgd" else ratio**0.5)


def decays(variable: keras.Variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases and normalisation."""
    return len(variable.shape) > 1


def prepare_gradients(gradients: list[tf.Tensor], variables, settings: OptimizerSettings) -> list[tf.Tensor]:
    """Gradients as the optimizer takes them: summed over replicas, clipped, and with SGD's weight decay added.

    Called in a replica. The sum comes before the clipping, so that the norm is that of the whole batch.
    """
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync > 1:
        gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    if settings.clip_norm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm)
    if settings.name != "sgd" or not settings.weight_decay:
        return gradients
    return [
        gradient + settings.weight_decay * tf.convert_to_tensor(variable) if decays(variable) else gradient
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
