"""Parts of TIFF files are those of the whole image, however it is stored."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from detect.data.pixels.images import read_image
from detect.data.pixels.tiff_parts import open_parts
from detect.data.pixels.tiles import Tiling, Window
from detect.errors import BadInput

PIXELS = np.random.default_rng(0).integers(0, 256, (300, 410, 3), np.uint8)


def smooth(values):
    """Noise of low frequency, which JPEG keeps."""
    return np.cumsum(np.cumsum(values.astype(np.int64) % 5, axis=0), axis=1).astype(np.uint8)


STORED = {
    "in one strip": {},
    "in tiles": {"tile": (64, 96)},
    "in compressed tiles": {"tile": (64, 96), "compression": "zlib"},
    "in compressed tiles of differences": {"tile": (64, 96), "compression": "zlib", "predictor": True},
    "in strips": {"rowsperstrip": 7},
    "in compressed strips": {"rowsperstrip": 64, "compression": "zlib"},
    "with large numbers first": {"tile": (64, 64), "byteorder": ">"},
    "in a file for more than 4 GB": {"tile": (64, 64), "bigtiff": True},
}
KINDS = {
    "colour": (PIXELS, {"photometric": "rgb"}),
    "grey": (PIXELS[..., 0], {"photometric": "minisblack"}),
    "of 16 bits": (PIXELS[..., 0].astype(np.uint16) * 257, {"photometric": "minisblack"}),
    "transparent": (np.concatenate([PIXELS, PIXELS[..., :1]], axis=2), {"photometric": "rgb", "extrasamples": [2]}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", STORED)
def test_all_parts_are_those_of_the_whole_image(tmp_path, stored, kind):
    path, (pixels, options) = tmp_path / "image.tif", KINDS[kind]
    tifffile.imwrite(path, pixels, **options, **STORED[stored])
    require_same_parts(path)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "packbits"])
def test_compressions_of_other_programs(tmp_path, compression):
    path = tmp_path / "image.tif"
    Image.fromarray(smooth(PIXELS)).save(path, compression=compression)
    require_same_parts(path)


def require_same_parts(path):
    whole, parts = read_image(path), open_parts(path)
    assert (parts.width, parts.height) == (410, 300)
    for window in (*Tiling(tile=130).windows(300, 410), Window(0, 0, 410, 300), Window(409, 299, 410, 300)):
        left, top, right, bottom = window
        np.testing.assert_array_equal(parts.read(window), whole[top:bottom, left:right])


def test_only_the_pieces_of_a_part_are_read(tmp_path):
    """Behind the first half of the file all is damaged, which its upper rows do not need."""
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, PIXELS, photometric="rgb", tile=(64, 96), compression="zlib")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    parts = open_parts(path)
    path.write_bytes(content)
    np.testing.assert_array_equal(parts.read(Window(100, 0, 400, 100)), PIXELS[:100, 100:400])
    with pytest.raises(BadInput, match=r"image\.tif, 256 rows down"):
        parts.read(Window(0, 280, 10, 290))


@pytest.mark.parametrize("options", [{"planarconfig": "separate"}, {"extratags": [(274, 3, 1, 6, True)]}])
def test_what_has_to_be_read_whole(tmp_path, options):
    path = tmp_path / "image.tif"
    pixels = np.moveaxis(PIXELS, 2, 0) if "planarconfig" in options else PIXELS
    tifffile.imwrite(path, pixels, photometric="rgb", **options)
    assert open_parts(path) is None


def test_other_files_have_no_parts(tmp_path):
    path = tmp_path / "image.tif"
    Image.fromarray(PIXELS).save(path, format="PNG")
    assert open_parts(path) is None
    assert open_parts(tmp_path / "nothing.tif") is None
