import io

import numpy as np
import pytest
from PIL import Image

from detect.data.pixels.headers import parse_header, read_header, turn_boxes
from detect.data.pixels.images import image_size, turn_upright
from detect.errors import BadInput


def encoded(format: str, orientation: int | None = None, size=(6, 4), **options) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, format, exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_size_is_that_of_the_upright_image(format, orientation):
    header = parse_header(io.BytesIO(encoded(format, orientation)), "image")
    assert header.size == ((4, 6) if orientation in (5, 6, 7, 8) else (6, 4))


@pytest.mark.parametrize("format", ["BMP", "GIF", "PPM"])
def test_formats_without_exif(format):
    file = io.BytesIO()
    Image.new("RGB", (7, 5)).save(file, format)
    assert parse_header(file, "image").size == (7, 5)


def test_jpeg_kind_and_scan():
    data = encoded("JPEG", progressive=True)
    header = parse_header(io.BytesIO(data), "image")
    assert header.components == 3
    assert data[: header.scan_start].count(b"\xff\xda") == 1
    grey = io.BytesIO()
    Image.new("L", (6, 4)).save(grey, "JPEG")
    assert parse_header(io.BytesIO(grey.getvalue()), "image").components == 1


def test_jpeg_header_longer_than_the_first_read():
    """Comments of 65,000 bytes each put the frame header far behind the beginning."""
    data = encoded("JPEG", 6)
    comment = b"\xff\xfe" + (65_000).to_bytes(2, "big") + bytes(64_998)
    for count in (1, 6):
        assert parse_header(io.BytesIO(data[:2] + comment * count + data[2:]), "image").size == (4, 6)


def test_a_damaged_exif_block_is_ignored():
    data = encoded("JPEG", 6)
    start = data.index(b"Exif\0\0") + 6
    broken = data[: start + 4] + b"\xff\xff\xff\x7f" + data[start + 8 :]  # the directory lies behind the end
    assert parse_header(io.BytesIO(broken), "image").size == (6, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_the_image_does(orientation):
    stored = np.zeros((5, 8), np.uint8)  # 8 wide, 5 high
    stored[1:3, 2:6] = 1
    rows, columns = np.nonzero(turn_upright(stored, orientation))
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    boxes = np.array([[2.0, 1.0, 6.0, 3.0]])
    np.testing.assert_array_equal(turn_boxes(boxes, orientation, np.array([8, 5])), [expected])
    np.testing.assert_array_equal(turn_boxes(boxes, orientation, np.array([[8, 5]])), [expected])
    assert turn_boxes(np.zeros((0, 4)), orientation, np.array([8, 5])).shape == (0, 4)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_truncated_file_is_noticed_without_decoding_whole_ones(tmp_path, format):
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(file, format)
    path = tmp_path / "image"
    path.write_bytes(file.getvalue())
    assert read_header(path).size == (64, 64)
    path.write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    with pytest.raises(BadInput, match="image: the image cannot be decoded"):
        read_header(path)


def test_bytes_behind_the_end_do_no_harm(tmp_path):
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded("JPEG") + bytes(10_000))
    assert read_header(path).size == (6, 4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>404", "begins with b'<html>404'"),
        (encoded("JPEG")[:40], "truncated"),
        (b"\xff\xd8", "truncated"),
    ],
)
def test_what_is_not_an_image_is_refused_with_its_name(tmp_path, data, reason):
    path = tmp_path / "strange.jpg"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=rf"strange\.jpg: .*{reason}"):
        read_header(path)


def test_image_size_of_a_missing_file(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.jpg"):
        image_size(tmp_path / "nowhere.jpg")
