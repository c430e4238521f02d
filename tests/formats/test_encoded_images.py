"""Pictures read by the operations of a SavedModel, beside the same by `detect.data`."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from detect.data.pixels.images import decode_image
from detect.data.pixels.resizing import Fit, place
from detect.formats.savedmodel.encoded_images import read_images

SIDE = 96
SIZES = [(70, 130), (96, 96), (97, 61), (111, 100), (481, 517), (1000, 37), (3, 700)]
FITS = [Fit(kind=kind, resampling=how) for kind in ("letterbox", "stretch") for how in ("average", "linear", "exact")]


def picture(height, width):
    """Noise with some order in it."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    noise[height // 3 :, width // 4 :] //= 4
    return noise


def encoded(image, kind, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def read(files, fit):
    dtype = tf.as_dtype(fit.placement(1, 1, SIDE).dtype)
    return tf.function(lambda data: read_images(data, fit, SIDE, dtype))(tf.constant(files))


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: f"{fit.kind}-{fit.resampling}")
def test_pictures_lie_where_python_places_them(fit):
    fit = fit.model_copy(update={"padding": (1.0, 2.0, 3.0)})
    images = [picture(*size) for size in SIZES]
    placed = read([encoded(image, "PNG") for image in images], fit)
    for row, image in enumerate(images):
        placement = fit.placement(*image.shape[:2], SIDE)
        expected = place(image, placement).astype(float)
        tolerance = 1e-3 if fit.resampling == "exact" else 1  # OpenCV's own arithmetic for uint8 has eleven bits
        np.testing.assert_allclose(placed.images[row], expected, atol=tolerance)
        np.testing.assert_allclose(placed.extents[row], placement.extent, rtol=1e-6)
        np.testing.assert_allclose(placed.scales[row], placement.scales, rtol=1e-6)
        np.testing.assert_array_equal(placed.limits[row], [image.shape[1], image.shape[0]] * 2)


def test_boxes_return_to_their_pictures():
    """A picture of 48 x 192 is halved: its box is twice as large, and what lies below its end is cut off."""
    placed = read([encoded(picture(48, 192), "PNG")], Fit())
    boxes = placed.to_source(tf.constant([[[10.0, 5.0, 90.0, 20.0], [-4.0, 0.0, 200.0, 60.0]]]))
    np.testing.assert_allclose(boxes[0], [[20, 10, 180, 40], [0, 0, 192, 48]])


@pytest.mark.parametrize("order", [b"II*\0", b"MM\0*"])
@pytest.mark.parametrize("orientation", range(10))
def test_jpegs_are_upright(order, orientation):
    """0 and 9 have no meaning."""
    exif = Image.Exif()
    exif.endian = "<" if order[:1] == b"I" else ">"
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    data = encoded(picture(SIDE // 2, SIDE), "JPEG", exif=exif)
    assert order in data[:100]
    upright = decode_image(data, "picture")
    (image,) = read([data], Fit()).images
    np.testing.assert_array_equal(image, place(upright, Fit().placement(*upright.shape[:2], SIDE)))


def test_grey_pictures():
    grey = picture(SIDE, SIDE)[..., 0]
    for kind in ("JPEG", "PNG"):
        data = encoded(grey, kind)
        np.testing.assert_array_equal(read([data], Fit()).images[0], decode_image(data, "picture"))


def test_what_is_no_picture():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        read([b"no picture"], Fit())


def test_no_pictures():
    assert read(np.array([], object).astype(bytes), Fit()).images.shape == (0, SIDE, SIDE, 3)
