import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from detect.data.pixels.images import count_images, decode_image, image_size, read_image
from detect.errors import BadInput


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A smooth colour image, uint8 [40, 60, 3]: compression changes it little."""
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, 255 - rows * 3 - columns * 2], axis=2).astype(np.uint8)


def encode(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats(image, format):
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(image), format), "image"), image)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {}),
        ("AVIF", {"quality": 95}),
        ("MPO", {"quality": 95}),
    ],
)
def test_lossy_formats(image, format, options):
    decoded = decode_image(encode(Image.fromarray(image), format, **options), "image")
    assert (decoded.shape, decoded.dtype) == (image.shape, np.uint8)
    assert difference(decoded, image) < 3


def test_lossless_webp(image):
    data = encode(Image.fromarray(image), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode_image(data, "image"), image)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP"])
def test_grey_has_three_equal_channels(image, format):
    decoded = decode_image(encode(Image.fromarray(image[:, :, 0]), format), "image")
    assert decoded.shape == image.shape
    assert difference(decoded, image[:, :, :1].repeat(3, axis=2)) < 2
    np.testing.assert_array_equal(decoded[:, :, 0], decoded[:, :, 2])


def test_palette(image):
    few = Image.fromarray(image).quantize(16)
    np.testing.assert_array_equal(decode_image(encode(few, "PNG"), "image"), np.asarray(few.convert("RGB")))


def test_black_and_white():
    dots = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    decoded = decode_image(encode(dots, "PNG"), "image")
    assert decoded[:, :, 1].tolist() == [[0, 255], [255, 0]]


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_over_white(format):
    pixels = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)  # 51 is 0.2
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    decoded = decode_image(encode(Image.fromarray(pixels), format, **options), "image")
    assert decoded[0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


def test_transparent_palette_and_grey():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    decoded = decode_image(encode(palette, "PNG", transparency=1), "image")
    assert decoded[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    grey = Image.fromarray(np.array([[[100, 255], [100, 0]]], np.uint8), "LA")
    assert decode_image(encode(grey, "PNG"), "image")[0].tolist() == [[100] * 3, [255] * 3]


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 2), ("TIFF", 0)])
def test_cmyk(image, format, tolerance):
    """JPEG stores it inverted, TIFF does not."""
    options = {"quality": 95} if format == "JPEG" else {}
    decoded = decode_image(encode(Image.fromarray(image).convert("CMYK"), format, **options), "image")
    assert difference(decoded, image) <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_are_scaled(suffix):
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)  # 257 = 65535 / 255, 128.5 is half of it
    decoded = decode_image(cv2.imencode(suffix, grey)[1].tobytes(), "image")
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    colour = np.stack([grey, grey * 0, grey], axis=2)
    decoded = decode_image(cv2.imencode(suffix, colour)[1].tobytes(), "image")
    assert difference(decoded[0, :, 0], np.array([0, 0, 1, 1, 128, 255])) <= 0.4  # Pillow cuts the low byte off
    assert not decoded[:, :, 1].any()


def test_first_image_of_an_animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data, "image")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("format", "count"),
    [("GIF", 3), ("WEBP", 3), ("PNG", 3), ("AVIF", 3), ("TIFF", 3), ("MPO", 1), ("JPEG", 1), ("BMP", 1)],
)
def test_images_in_a_file_are_counted(tmp_path, format, count):
    first, *others = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green"))
    options = {"save_all": True, "append_images": others} if format not in ("JPEG", "BMP") else {}
    (tmp_path / "image").write_bytes(encode(first, format, **options))
    assert count_images(tmp_path / "image") == count
    assert read_image(tmp_path / "image")[8, 8].argmax() == 0


@pytest.mark.parametrize("format", ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_agrees_with_the_size(image, tmp_path, format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image"
    path.write_bytes(encode(Image.fromarray(image), format, exif=exif))
    decoded = read_image(path)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    np.testing.assert_array_equal(decoded, expected)
    assert image_size(path) == (decoded.shape[1], decoded.shape[0])
    assert decoded.flags.c_contiguous


def test_names_in_other_scripts(tmp_path, write_image):
    path = write_image(tmp_path / "Bäume" / "木の写真 ёлка.jpg", 12, 8)
    assert read_image(path).shape == (8, 12, 3)
    assert image_size(path) == (12, 8)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_are_errors_that_name_the_file(image, format, share):
    noise = np.random.default_rng(0).integers(0, 30, image.shape).astype(np.uint8)
    data = encode(Image.fromarray(image // 2 + noise), format)
    with pytest.raises(BadInput, match="camera/1"):
        decode_image(data[: int(share * len(data))], "camera/1")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("filling", [lambda size: bytes(size), lambda size: b"", np.random.default_rng(0).bytes])
def test_a_jpeg_of_which_a_part_was_overwritten_is_an_error(image, options, filling):
    """Other decoders show noise or grey in its place. The end marker is there."""
    noise = np.random.default_rng(0).integers(0, 30, image.shape).astype(np.uint8)
    data = encode(Image.fromarray(image // 2 + noise), "JPEG", quality=95, **options)
    half = len(data) // 2
    damaged = data[:half] + filling(len(data) - half - 2) + data[-2:]
    with pytest.raises(BadInput, match="camera/1: the JPEG is damaged: "):
        decode_image(damaged, "camera/1")


def test_a_few_bytes_before_the_end_marker_of_a_jpeg_do_no_harm(image):
    data = encode(Image.fromarray(image), "JPEG")
    assert difference(decode_image(data[:-2] + b"12345" + data[-2:], "padded"), decode_image(data, "whole")) < 1


def test_a_jpeg_without_end_marker_but_with_all_its_pixels_is_read(image, tmp_path):
    data = encode(Image.fromarray(image), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), decode_image(data, "whole"))
    assert image_size(tmp_path / "a.jpg") == (60, 40)


def test_floating_point_images_are_refused():
    data = cv2.imencode(".tiff", np.ones((4, 4), np.float32))[1].tobytes()
    with pytest.raises(BadInput, match="floating-point"):
        decode_image(data, "image")


def test_a_missing_file(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        read_image(tmp_path / "nowhere.png")


def test_nine_encodings_of_one_image(fixtures):
    """They were compressed one by one, so edges differ a little."""
    images = [read_image(fixtures / "exif" / f"Landscape_{number}.jpg") for number in range(9)]
    small = [cv2.resize(image, (90, 60), interpolation=cv2.INTER_AREA) for image in images]
    for other in small[1:]:
        assert difference(small[0], other) < 1.5
    assert {image.shape for image in images} == {(300, 450, 3)}


def test_what_is_not_a_regular_file_is_refused(tmp_path):
    """A pipe would never begin, and a device may never end."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.jpg", "zero.png", "folder.png"):
        for read in (read_image, image_size, count_images):
            with pytest.raises(
                BadInput, match=rf"{name}: the image cannot be read: (it is not a regular file|Is a dir)"
            ):
                read(tmp_path / name)


LIMITED = """
import io, resource, struct, sys
from PIL import Image
from detect.data.pixels.images import decode_image
from detect.errors import BadInput

GIGABYTE = 2**30
resource.setrlimit(resource.RLIMIT_AS, (GIGABYTE, GIGABYTE))
file = io.BytesIO()
Image.new("L", (8, 8)).save(file, "JPEG")
small = file.getvalue()
frame = small.index(b"\\xff\\xc0") + 5
for side in (16_000, 30_000, 65_000):  # claimed: a quarter of a gigabyte, one, and four
    try:
        decode_image(small[:frame] + struct.pack(">HH", side, side) + small[frame + 4 :], "bomb.jpg")
    except BadInput as error:
        print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="no limits of memory")
def test_a_small_file_that_claims_a_large_image_takes_no_memory():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True)
    assert not done.stderr
    first, *others = done.stdout.splitlines()
    assert first == "bomb.jpg: the JPEG has fewer bytes than its size in pixels needs: it is truncated, or no image."
    assert [text.partition(" pixels, and at most 268 million")[0] for text in others] == [
        "bomb.jpg: the image has 30000 x 30000",
        "bomb.jpg: the image has 65000 x 65000",
    ]


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
def test_the_emptiest_images_have_enough_bytes(options):
    assert decode_image(encode(Image.new("L", (2000, 1600)), "JPEG", **options), "black.jpg").shape == (1600, 2000, 3)
