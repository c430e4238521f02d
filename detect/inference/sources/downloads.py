"""Images and videos at http addresses."""

import base64
import http.client
import urllib.request
from urllib.parse import unquote, urlsplit

from detect.errors import BadInput
from detect.weights.download import reason_of

TIMEOUT = 20  # seconds without an answer, or between two parts of one
LARGEST_IMAGE = 200 * 2**20  # bytes
_FAILURES = (OSError, http.client.HTTPException, ValueError)


def content_type(address: str) -> str:
    """Return the media type of a URL according to its server, such as `image/jpeg`.

    Raises:
        BadInput: the server does not answer.
    """
    try:
        with _open(address) as answer:
            return answer.headers.get_content_type()
    except _FAILURES as error:
        raise BadInput(_explain(address, error)) from None


def download_image(address: str) -> bytes:
    """Return the bytes of an image.

    Raises:
        BadInput: it cannot be downloaded or is too large.
    """
    try:
        with _open(address) as answer:
            content = answer.read(LARGEST_IMAGE + 1)
    except _FAILURES as error:
        raise BadInput(_explain(address, error)) from None
    if len(content) > LARGEST_IMAGE:
        raise BadInput(f"{shown(address)} is larger than {LARGEST_IMAGE >> 20} MB. Download it and give the file.")
    return content


def shown(address: str) -> str:
    """Return a URL without user name and password."""
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _open(address: str):
    request = urllib.request.Request(shown(address), headers={"User-Agent": "detect"})  # some refuse Python's
    parts = urlsplit(address)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        # Not for the server that this one may lead to.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    return urllib.request.urlopen(request, timeout=TIMEOUT)


def _explain(address: str, error: Exception) -> str:
    return f"{shown(address)} cannot be read: {reason_of(error)}. Check the address and the network."
