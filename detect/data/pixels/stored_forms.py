"""How the pixels of an image are stored, which decoding to RGB hides."""

import io

from PIL import Image

from detect.data.pixels.headers import parse_header
from detect.data.pixels.pillow_files import opened

FORMS = ("colour", "grey", "transparent", "16 bits", "CMYK", "animated")
_JPEG = b"\xff\xd8"
_OF_COMPONENTS = {1: "grey", 3: "colour", 4: "CMYK"}  # of a JPEG
_OF_MODES = {"1": "grey", "L": "grey", "CMYK": "CMYK", "LA": "transparent", "PA": "transparent", "RGBA": "transparent"}


def stored_form(data: bytes, where: str) -> str:
    """Return the form of an encoded image, one of `FORMS`; BadInput where it cannot be read. `where` names it."""
    if data.startswith(_JPEG):
        return _OF_COMPONENTS.get(parse_header(io.BytesIO(data), where).components, "colour")
    with opened(io.BytesIO(data), where) as image:
        return _form(image)


def _form(image: Image.Image) -> str:
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        return "animated"
    if image.mode.startswith("I"):
        return "16 bits"
    return _OF_MODES.get(image.mode, "transparent" if "transparency" in image.info else "colour")
