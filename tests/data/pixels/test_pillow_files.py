"""Formats that need a package, and images with too many pixels."""

import contextlib
import io
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detect.data.pixels.headers import SUFFIXES, parse_header
from detect.data.pixels.images import decode_image, image_size
from detect.data.pixels.pillow_files import MOST_PIXELS
from detect.errors import BadInput

TOO_MANY = (
    r"pixels, and at most 268 million are read\. Cut it into parts, scale it down, or set the environment variable "
    "DETECT_MAX_PIXELS"
)


def png(width: int, height: int) -> bytes:
    """Return a PNG that states a size and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR" + header, b"IDAT" + zlib.compress(b""), b"IEND")
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(width: int, height: int) -> bytes:
    """Return a JPEG whose header states another size than its pixels have."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    data = file.getvalue()
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


@pytest.mark.parametrize("encode", [png, jpeg])
@pytest.mark.parametrize("side", [16385, 30_000, 65_500])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_images_with_too_many_pixels_are_refused_before_they_are_decoded(encode, side):
    for read in (decode_image, lambda data, where: parse_header(io.BytesIO(data), where)):
        with pytest.raises(BadInput, match=rf"^big: the image has .*{TOO_MANY}\.$"):
            read(encode(side, side), "big")


@pytest.mark.parametrize("encode", [png, jpeg])
def test_large_images_within_the_limit_raise_no_warning(encode):
    side = int(MOST_PIXELS**0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse_header(io.BytesIO(encode(side, side)), "big").size == (side, side)


ENCODED = {}
for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "MPO"):
    file = io.BytesIO()
    Image.fromarray(np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)).save(file, kind)
    ENCODED[kind] = file.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ENCODED)), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1))
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_decoded_or_refused(kind, changes):
    data = bytearray(ENCODED[kind])
    for place, value in changes:
        data[place % len(data)] = value
    for read in (decode_image, lambda content, where: parse_header(io.BytesIO(content), where)):
        with contextlib.suppress(BadInput):
            read(bytes(data), "damaged")


def test_errors_of_the_libraries_are_refusals():
    """Pillow raises RuntimeError for an AVIF without its pixels."""
    avif = ENCODED["AVIF"][: ENCODED["AVIF"].index(b"mdat") + 4] + bytes(len(ENCODED["AVIF"]))
    with pytest.raises(BadInput, match="damaged: the image cannot be decoded"):
        decode_image(avif, "damaged")


def test_errors_end_with_one_full_stop():
    with pytest.raises(BadInput) as caught:
        decode_image(png(4, 4), "image")
    assert ".." not in str(caught.value)


def test_heic_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    start = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
    with pytest.raises(BadInput, match=r"photo: HEIC images need pillow-heif, .* pip install pillow-heif$"):
        decode_image(start + bytes(100), "photo")
    with pytest.raises(BadInput, match="not an image of a known format"):
        decode_image(start.replace(b"heic", b"mp42") + bytes(100), "video")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic(tmp_path, orientation):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = np.zeros((40, 60, 3), np.uint8)
    image[:10, :20] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    pillow_heif.from_pillow(Image.fromarray(image)).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", exif=exif)
    expected, decoded = (decode_image(data, "image") for data in (file.getvalue(), (tmp_path / "a.heic").read_bytes()))
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 5
    assert image_size(tmp_path / "a.heic") == (decoded.shape[1], decoded.shape[0])
    with pytest.raises(BadInput, match="cannot be decoded"):
        decode_image((tmp_path / "a.heic").read_bytes()[:300], "cut")


def test_the_formats_of_phones_count_as_images():
    assert {".heic", ".heif", ".avif", ".mpo"} < SUFFIXES
