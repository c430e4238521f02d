"""Forms in which the pixels of images are stored, which decoding to RGB hides."""

import io

from PIL import Image

from detect.data.pixels.headers import Header
from detect.data.pixels.pillow_files import opened

FORMS = ("colour", "grey", "transparent", "16 bits", "CMYK", "animated")
_OF_COMPONENTS = {1: "grey", 3: "colour", 4: "CMYK"}  # of a JPEG
_OF_MODES = {"1": "grey", "L": "grey", "CMYK": "CMYK", "LA": "transparent", "PA": "transparent", "RGBA": "transparent"}


def stored_form(data: bytes, header: Header, where: str) -> str:
    """Return the form of an encoded image, one of `FORMS`; BadInput where it cannot be read. `where` names it."""
    if header.components:
        return _OF_COMPONENTS.get(header.components, "colour")
    with opened(io.BytesIO(data), where) as image:
        return _form(image)


def _form(image: Image.Image) -> str:
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        return "animated"
    if image.mode.startswith("I"):
        return "16 bits"
    return _OF_MODES.get(image.mode, "transparent" if "transparency" in image.info else "colour")
