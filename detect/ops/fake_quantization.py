"""Fake quantisation: the rounding of int8 in training, with a gradient that passes through it.

Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, arXiv
1712.05877, section 3. With TensorFlow's own operation, `fake_quant_with_min_max_vars_per_channel`, a step of YOLOX-Nano
takes four times as long as with this one.
"""

import tensorflow as tf

from detect.ops.compiling import fused

STEPS = 255  # of a range of activations
KERNEL_STEPS = 127  # of a kernel, on each side of zero


def round_activations(values: tf.Tensor, ranges: tf.Tensor) -> tf.Tensor:
    """Return values rounded to 256 numbers in the range of their channel, one of which is zero.

    The gradient is that of the values within their range, and zero outside.

    Args:
        values: float32 or bfloat16 [..., C].
        ranges: least and largest value of each channel, float32 [2, C]; low <= 0 <= high. Where both are zero, values
            stay as they are.
    """
    step = (ranges[1] - ranges[0]) / STEPS  # [C]
    zero = tf.round(tf.math.divide_no_nan(-ranges[0], step))

    @tf.custom_gradient
    def rounded(values):
        return _rounded(values, step, zero), lambda upstream: _gradient(values, step, zero, upstream)

    return rounded(values)


def round_kernel(kernel: tf.Tensor, ranges: tf.Tensor, input_axis: int, output_axis: int) -> tf.Tensor:
    """Return a kernel rounded to 255 numbers for each filter; the gradient is that of the kernel.

    Its input channels are rounded as parts of one range, see `detect.artefacts.channel_factors`: the kernel is divided
    by the factors with which they all fill it.

    Args:
        kernel: of a convolution or a dense layer.
        ranges: of its inputs, as of `round_activations`. Where all are zero, the kernel stays as it is.
        input_axis: the axis of the kernel along which input channels lie, C of them.
        output_axis: that of the filters; in depthwise convolutions the same.
    """
    widths = ranges[1] - ranges[0]
    widest = tf.reduce_max(widths)
    is_rounded = widest > 0
    shares = tf.where(is_rounded, tf.math.divide_no_nan(widths, widest), 1.0)  # the inverse of the factors
    shape = [-1 if axis == input_axis else 1 for axis in range(len(kernel.shape))]
    divided = tf.cast(kernel, tf.float32) * tf.reshape(shares, shape)
    others = [axis for axis in range(len(kernel.shape)) if axis != output_axis]
    step = tf.reduce_max(tf.abs(divided), others, keepdims=True) / KERNEL_STEPS
    rounded = tf.round(tf.math.divide_no_nan(divided, step)) * step / tf.reshape(shares, shape)
    error = tf.where(is_rounded, tf.cast(rounded, kernel.dtype) - kernel, 0)
    return kernel + tf.stop_gradient(error)


@fused
def _rounded(values: tf.Tensor, step: tf.Tensor, zero: tf.Tensor) -> tf.Tensor:
    places = tf.round(_in_steps(values, step))
    found = tf.clip_by_value(places, -zero, STEPS - zero) * step
    return tf.where(step > 0, tf.cast(found, values.dtype), values)


@fused
def _gradient(values: tf.Tensor, step: tf.Tensor, zero: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    places = _in_steps(values, step)
    is_inside = (places >= -zero) & (places <= STEPS - zero)
    return tf.where(is_inside | (step == 0), upstream, tf.zeros_like(upstream))


def _in_steps(values: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32) * tf.math.divide_no_nan(1.0, step)
