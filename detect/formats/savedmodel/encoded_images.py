"""Decode and place encoded images as a detector takes them, in TensorFlow operations.

`detect.data.pixels` does the same in Python; a test keeps the two within one grey level of each other. They differ in
that transparency is dropped here instead of laid over white, and that EXIF orientation is read from JPEGs only.
"""

from typing import NamedTuple

import tensorflow as tf

from detect.data.pixels.resizing import Fit

# The EXIF block of a file, and in it the orientation entry in either byte order: tag 0x0112, type 3, one value. `\C` is
# any byte.
_ORIENTATION = (
    rb"^\C*?Exif\x00\x00(?:II\*\x00\C*?\x12\x01\x03\x00\x01\x00\x00\x00(\C)\x00"
    rb"|MM\x00\*\C*?\x01\x12\x00\x03\x00\x00\x00\x01\x00(\C))\C*$"
)
_BLOCK_END = 2**16  # bytes at the start of a file that are searched for its EXIF block


class Placed(NamedTuple):
    """Images on their canvases, and what maps boxes back to the source images.

    Attributes:
        images: [B, S, S, 3], uint8, or float32 where the fit keeps fractions.
        extents: float32 [B, 2], rows and columns of the canvas that the image covers.
        scales: float32 [B, 4], factors from coordinates of a box in the source to those on the canvas.
        limits: float32 [B, 4], the largest coordinates in the source, pixels.
    """

    images: tf.Tensor
    extents: tf.Tensor
    scales: tf.Tensor
    limits: tf.Tensor

    def to_source(self, boxes: tf.Tensor) -> tf.Tensor:
        """Return boxes [B, D, 4] on the canvases in pixels of the source images, clipped to them."""
        return tf.clip_by_value(boxes / self.scales[:, None], 0, self.limits[:, None])


def read_images(image_bytes: tf.Tensor, fit: Fit, side: int, dtype: tf.DType) -> Placed:
    """Decode images of any sizes and place each on a square.

    Args:
        image_bytes: string [B], whole JPEG or PNG files.
        fit: how they are placed, as a letterbox or stretched.
        side: side of the squares, pixels.
        dtype: dtype of the squares.
    Returns:
        Images, and what maps boxes on them back to the source images.
    """
    specs = Placed(
        tf.TensorSpec([side, side, 3], dtype),
        tf.TensorSpec([2], tf.float32),
        tf.TensorSpec([4], tf.float32),
        tf.TensorSpec([4], tf.float32),
    )
    return tf.map_fn(lambda data: _placed(_decoded(data), fit, side, dtype), image_bytes, fn_output_signature=specs)


def _decoded(data: tf.Tensor) -> tf.Tensor:
    """Return the upright image in a file, uint8 [h, w, 3]."""
    # It also reads PNG. With INTEGER_ACCURATE it returns the same bits as `detect.data.pixels.images`, unlike
    # `decode_image`.
    stored = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    return _turned_upright(stored, _orientation(data))


def _orientation(data: tf.Tensor) -> tf.Tensor:
    """Return the EXIF orientation of a file, int32, 1 if it has none."""
    start = tf.strings.substr(data, 0, _BLOCK_END)
    value = tf.strings.regex_replace(start, _ORIENTATION, r"\1\2")  # one byte, or `start` as it is
    found = tf.strings.length(value) == 1
    return tf.cast(tf.io.decode_raw(tf.where(found, value, b"\x01"), tf.uint8)[0], tf.int32)


def _turned_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """See `detect.data.pixels.images.turn_upright`."""
    for values, turn in (
        ([5, 6, 7, 8], lambda image: tf.transpose(image, [1, 0, 2])),
        ([3, 4, 7, 8], lambda image: image[::-1]),
        ([2, 3, 6, 7], lambda image: image[:, ::-1]),
    ):
        wanted = tf.reduce_any(orientation == values)
        image = tf.cond(wanted, lambda: turn(image), lambda: image)  # noqa: B023
    return image


def _placed(image: tf.Tensor, fit: Fit, side: int, dtype: tf.DType) -> Placed:
    """Return one image as `Fit.placement` and `place` put it on its canvas."""
    size = tf.cast(tf.shape(image)[:2], tf.float64)  # [2], rows and columns, as all that follows
    scales = side / size
    if fit.kind == "letterbox":
        scales = tf.repeat(tf.reduce_min(scales), 2)
    pixels = tf.cast(image, tf.float32)
    if fit.resampling == "average":
        times = _halvings(size, scales)
        pixels = _halved(pixels, times)
        shown, steps = tf.math.ceil(size * scales - 0.5 - 1e-4), scales * 2.0 ** tf.cast(times, tf.float64)
    else:
        shown = _whole_sides(size, scales, fit, side)
        steps = shown / size
    image = _interpolated(_interpolated(pixels, 0, side, steps[0]), 1, side, steps[1])
    if dtype == tf.uint8:
        image = tf.floor(image + 0.5)
    inside = tf.cast(tf.range(side)[:, None], tf.float64) < shown  # [side, 2]
    image = tf.where((inside[:, None, :1] & inside[None, :, 1:]), image, tf.constant(fit.padding, tf.float32))
    extent = tf.cast(size * scales, tf.float32)
    return Placed(
        tf.cast(image, dtype),
        extent,
        tf.tile(tf.cast(scales[::-1], tf.float32), [2]),
        tf.tile(tf.cast(size[::-1], tf.float32), [2]),
    )


def _whole_sides(size: tf.Tensor, scales: tf.Tensor, fit: Fit, side: int) -> tf.Tensor:
    """Return the sides on the canvas in whole pixels, see `Fit`."""
    if fit.kind == "stretch":
        return tf.fill([2], tf.constant(side, tf.float64))
    if fit.resampling == "exact":
        size, scales = tf.cast(size, tf.float32), tf.cast(scales, tf.float32)
    return tf.cast(tf.maximum(tf.floor(size * scales), 1), tf.float64)


def _halvings(size: tf.Tensor, scales: tf.Tensor) -> tf.Tensor:
    """Return how often an image is halved before it is scaled, see `detect.data.pixels.warping.halvings`."""
    times = tf.floor(-_log2(tf.sqrt(tf.reduce_prod(scales))) + 1e-9)
    most = tf.floor(_log2(tf.reduce_min(size)) + 1e-9)
    return tf.cast(tf.clip_by_value(times, 0, most), tf.int32)


def _log2(value: tf.Tensor) -> tf.Tensor:
    return tf.math.log(value) / tf.math.log(tf.constant(2, value.dtype))


def _halved(pixels: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
    """Return the image at 1/2, 1/4, ... of its size by averaging, rounded; an odd last row or column is left out."""

    def halve(count: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return count + 1, tf.floor(tf.nn.avg_pool2d(pixels[None], 2, 2, "VALID")[0] + 0.5)

    shapes = tf.TensorShape([]), tf.TensorShape([None, None, 3])
    return tf.while_loop(lambda count, _: count < times, halve, (tf.constant(0), pixels), shapes)[1]


def _interpolated(pixels: tf.Tensor, axis: int, count: int, scale: tf.Tensor) -> tf.Tensor:
    """Return `count` rows (axis 0) or columns (1) of an image scaled by a factor; past the end the last one repeats."""
    last = tf.shape(pixels)[axis] - 1
    centres = (tf.range(count, dtype=tf.float64) + 0.5) / scale - 0.5
    centres = tf.clip_by_value(centres, 0, tf.cast(last, tf.float64))
    before = tf.cast(tf.floor(centres), tf.int32)
    share = tf.cast(centres - tf.floor(centres), tf.float32)
    share = tf.reshape(share, [-1, 1, 1] if axis == 0 else [1, -1, 1])
    after = tf.minimum(before + 1, last)
    return tf.gather(pixels, before, axis=axis) * (1 - share) + tf.gather(pixels, after, axis=axis) * share
