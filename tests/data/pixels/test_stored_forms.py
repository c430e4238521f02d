import io

import numpy as np
import pytest
from PIL import Image

from detect.data.pixels.headers import parse_header
from detect.data.pixels.stored_forms import stored_form


def form_of(encoded: io.BytesIO) -> str:
    encoded.seek(0)
    return stored_form(encoded.getvalue(), parse_header(encoded, "an image"), "an image")


@pytest.mark.parametrize(
    ("mode", "suffix", "form"),
    [
        ("RGB", "png", "colour"),
        ("RGB", "jpeg", "colour"),
        ("L", "jpeg", "grey"),
        ("1", "png", "grey"),
        ("LA", "png", "transparent"),
        ("RGBA", "png", "transparent"),
        ("P", "png", "colour"),
        ("I;16", "png", "16 bits"),
        ("CMYK", "jpeg", "CMYK"),
        ("CMYK", "tiff", "CMYK"),
    ],
)
def test_forms(mode, suffix, form):
    encoded = io.BytesIO()
    Image.new(mode, (8, 8)).save(encoded, suffix)
    assert form_of(encoded) == form


def test_transparency_of_a_palette():
    encoded = io.BytesIO()
    Image.new("P", (8, 8)).save(encoded, "png", transparency=0)
    assert form_of(encoded) == "transparent"


def test_an_animation():
    encoded = io.BytesIO()
    first, second = (Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (0, 255))
    first.save(encoded, "gif", save_all=True, append_images=[second])
    assert form_of(encoded) == "animated"
