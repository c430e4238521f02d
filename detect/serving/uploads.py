"""The image in a request: from the bytes of its body to views for the model, all in memory."""

import io
from collections.abc import AsyncGenerator
from typing import NamedTuple

import numpy as np
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from detect.data.pixels.headers import parse_header
from detect.data.pixels.images import decode_image
from detect.inference.predictor import Model
from detect.inference.sources.frames import Frame, Source
from detect.inference.views import View
from detect.serving.request_limits import Refused

FORM = "multipart/form-data"
UNNAMED = ("", "application/octet-stream")  # content types of bytes that nobody has named
MOST_FIELDS = 10  # of a form, beside its file
_WHERE = "request"  # its name in errors
_SOURCE = Source("", "image", "image", _WHERE)


class PaintedView(NamedTuple):
    """A view of an image, and what the model sees."""

    view: View
    canvas: np.ndarray  # [H, W, 3], RGB


class PlacedImage(NamedTuple):
    """An image that is ready for the model, without its own pixels, which may be many more."""

    frame: Frame
    views: list[PaintedView]


async def uploaded(request: Request, most_bytes: int) -> bytes:
    """Return the image file that is the body of a request, or the one file of a form in it.

    Raises:
        Refused: it is of another type, too large, or there is not one file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        return await _file_of_form(request, most_bytes)
    if kind not in UNNAMED and not kind.startswith("image/"):
        raise Refused(415, f"Expected an image as image/..., application/octet-stream or {FORM}, got {kind}.")
    return b"".join([chunk async for chunk in _limited(request, most_bytes)])


def placed(data: bytes, model: Model, most_pixels: int) -> PlacedImage:
    """Decode an image file and resize it for a model, as `Model.predict` does.

    Raises:
        Refused: it has too many pixels.
        BadInput: it is not an image, or is damaged.
    """
    width, height = parse_header(io.BytesIO(data), _WHERE).size
    if width * height > most_pixels:
        size = f"{width} x {height} pixels, and at most {most_pixels / 1e6:g} million are taken"
        raise Refused(413, f"The image has {size}. Scale it down, or cut it into parts.")
    image = decode_image(data, _WHERE)
    height, width = image.shape[:2]
    views = [PaintedView(view, painted(view, image)) for view in model.views().of(height, width)]
    return PlacedImage(Frame(_SOURCE, None, width, height), views)


def painted(view: View, image: np.ndarray) -> np.ndarray:
    """Return the canvas of a view of an image, uint8 [h, w, 3]."""
    canvas = np.empty((*view.placement.canvas, 3), view.placement.dtype)
    view.paint(view.window.of(image), canvas)
    return canvas


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Yield the body of a request; Refused where it is too large, if it states its size before it is read."""
    stated = request.headers.get("content-length", "")
    received = int(stated) if stated.isdigit() else 0
    too_large = Refused(413, f"The request has more than {most} bytes, the most that are taken. Send a smaller image.")
    if received > most:
        raise too_large
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise too_large
            yield chunk
    except ClientDisconnect:
        raise Refused(400, "The client went away before its request was complete.") from None


async def _file_of_form(request: Request, most: int) -> bytes:
    parser = MultiPartParser(request.headers, _limited(request, most), max_files=1, max_fields=MOST_FIELDS)
    parser.spool_max_size = most + 1  # it writes larger files to the disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(422, f"The form cannot be read: {error.message.rstrip('.')}. Send one image.") from None
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if not files:
        raise Refused(422, "The form has no file. Send the image as one: curl -F image=@photo.jpg ...")
    return await files[0].read()
