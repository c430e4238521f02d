"""Attention against a plain loop, position codes by hand, and the parts around them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.attention import (
    EncoderLayer,
    MultiHeadAttention,
    Perceptron,
    SwiGLU,
    gelu,
    layer_normalization,
    rms_normalization,
    sine_positions,
)

RANDOM = np.random.RandomState(0)
TOKENS = RANDOM.normal(size=[2, 5, 8]).astype(np.float32)
POSITIONS = RANDOM.normal(size=[5, 8]).astype(np.float32)


def attention(heads: int) -> MultiHeadAttention:
    layer = MultiHeadAttention(8, heads)
    layer(TOKENS, POSITIONS)
    random = np.random.RandomState(1)
    for weight in layer.weights:
        weight.assign(random.normal(0, 0.5, weight.shape))
    return layer


def loop(layer: MultiHeadAttention, tokens, positions, may_look) -> np.ndarray:
    """Return the attention of one image, token by token and head by head."""
    query, key = (part(tokens + positions).numpy() for part in (layer.query, layer.key))
    value, size = layer.value(tokens).numpy(), 8 // layer.heads
    found = np.zeros_like(tokens)
    for token in range(len(tokens)):
        for head in range(layer.heads):
            own = slice(head * size, (head + 1) * size)
            logits = query[token, own] @ key[:, own].T / np.sqrt(size)
            shares = np.exp(logits) * may_look[token]
            found[token, own] = shares / shares.sum() @ value[:, own]
    return layer.output_projection(found).numpy()


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_is_that_of_a_loop(heads):
    layer = attention(heads)
    expected = [loop(layer, tokens, POSITIONS, np.ones([5, 5])) for tokens in TOKENS]
    np.testing.assert_allclose(layer(TOKENS, POSITIONS), expected, atol=1e-5)


def test_tokens_look_only_where_they_may():
    layer = attention(2)
    may_look = np.tri(5)
    mask = tf.where(tf.constant(may_look, tf.bool), 0.0, -np.inf)
    expected = [loop(layer, tokens, POSITIONS, may_look) for tokens in TOKENS]
    np.testing.assert_allclose(layer(TOKENS, POSITIONS, attention_mask=mask), expected, atol=1e-5)


def test_positions_do_not_change_what_is_found_but_where():
    """Where all tokens are the same, any attention finds the same."""
    layer, same = attention(2), np.repeat(TOKENS[:, :1], 5, axis=1)
    np.testing.assert_allclose(layer(same, POSITIONS), layer(same, 9 * POSITIONS), atol=1e-5)


def test_the_shares_of_many_tokens_add_up_in_bfloat16():
    """Equal values are found as they are, up to the rounding of one product: their shares have the sum 1."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = MultiHeadAttention(8, 2)
    finally:
        keras.config.set_dtype_policy("float32")
    same = np.repeat(TOKENS[:, :1], 3000, axis=1)
    found = tf.cast(layer(same), tf.float32)
    expected = tf.cast(layer.output_projection(layer.value(same)), tf.float32)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_tokens_leave_an_encoder_layer_normalised():
    found = EncoderLayer(8, 2, 16)(TOKENS, POSITIONS)
    np.testing.assert_allclose(tf.reduce_mean(found, axis=-1), np.zeros([2, 5]), atol=1e-6)
    np.testing.assert_allclose(tf.math.reduce_std(found, axis=-1), np.ones([2, 5]), atol=1e-3)


def test_a_perceptron_may_end_with_zeros():
    perceptron = Perceptron((3, 2), last={"kernel_initializer": "zeros", "bias_initializer": "ones"})
    np.testing.assert_array_equal(perceptron(TOKENS), np.ones([2, 5, 2]))


def test_a_swiglu_by_hand():
    """One hidden channel: the gate is the first input, what it lets through the second one."""
    layer = SwiGLU(1, 1)
    layer(np.zeros([1, 2], np.float32))
    layer.layers[0].kernel.assign([[1, 0], [0, 1]])
    layer.layers[1].kernel.assign([[2]])
    layer.layers[1].bias.assign([-1])
    found = layer(np.float32([[0, 5], [np.log(3), 4]]))  # whose sigmoids are 1 / 2 and 3 / 4
    np.testing.assert_allclose(found, [[-1], [2 * np.log(3) * 0.75 * 4 - 1]], rtol=1e-6)


def test_tokens_are_normalised_by_their_root_mean_square():
    normalization = rms_normalization("normalization")
    normalization.build([None, 2])
    normalization.scale.assign([1, 2])
    np.testing.assert_allclose(normalization(np.float32([[3, 4]])), [[3 / 12.5**0.5, 8 / 12.5**0.5]], rtol=1e-6)


def test_gelu_is_exact():
    np.testing.assert_allclose(gelu(tf.constant([-1.0, 0.0, 2.0])), [-0.15865525, 0, 1.9544997], atol=1e-6)


def test_positions_by_hand():
    """Two wavelengths, 2 pi and 200 pi: eight channels, for two rows and three columns."""
    codes = sine_positions(2, 3, 8)
    assert (codes.shape, codes.dtype) == ((6, 8), np.float32)
    row, column = 1, 2
    expected = [part(place * step) for place in (row, column) for part in (np.sin, np.cos) for step in (1, 0.01)]
    np.testing.assert_allclose(codes[row * 3 + column], expected, atol=1e-6)


def test_normalisation_by_hand():
    """Of -3, 0, 3 the variance is 6, also far from 0, where float32 has few digits left."""
    layer = layer_normalization("normalization", epsilon=3.0)
    layer(tf.zeros([1, 3]))
    layer.gamma.assign([1, 2, 3])
    layer.beta.assign([10, 20, 30])
    for offset in (0, 1e5):
        np.testing.assert_allclose(layer(tf.constant([[-3.0, 0, 3]]) + offset), [[9, 20, 33]], rtol=1e-6)
