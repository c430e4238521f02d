"""Images and videos at http addresses."""

import base64
import http.client
import ipaddress
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from detect.errors import BadInput
from detect.weights.download import reason_of

TIMEOUT = 20  # seconds without an answer, or between two parts of one
LONGEST = 300  # seconds for everything: a server may send a byte now and then for ever
LARGEST_IMAGE = 200 * 2**20  # bytes
_FAILURES = (OSError, http.client.HTTPException, ValueError)

T = TypeVar("T")


def content_type(address: str) -> str:
    """Return the media type of a URL according to its server, such as `image/jpeg`.

    Raises:
        BadInput: the server does not answer.
    """

    def ask() -> str:
        with _open(address) as answer:
            return answer.headers.get_content_type()

    try:
        return _in_time(ask)
    except _FAILURES as error:
        raise BadInput(_explain(address, error)) from None


def download_image(address: str) -> bytes:
    """Return the bytes of an image.

    Raises:
        BadInput: it cannot be downloaded or is too large.
    """

    def download() -> bytes:
        with _open(address) as answer:
            return answer.read(LARGEST_IMAGE + 1)

    try:
        content = _in_time(download)
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
    return urllib.request.build_opener(_Redirections).open(request, timeout=TIMEOUT)


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a server to others, but not from outside to one that only this machine or its network can reach."""

    def redirect_request(self, request: Any, *answer: Any) -> urllib.request.Request | None:
        there = urlsplit(answer[-1])
        if there.scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it leads to a URL of type {there.scheme!r}")
        if is_inside(there.hostname) and not is_inside(urlsplit(request.full_url).hostname):
            raise urllib.error.URLError(f"it leads to {there.hostname}, which is in a private network")
        return super().redirect_request(request, *answer)


def is_inside(host: str | None) -> bool:
    """Return whether a host is this machine or one in a private network; a name that nobody knows is not."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return not all(ipaddress.ip_address(place[4][0]).is_global for place in found)


def _in_time(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises, within `LONGEST` seconds."""
    outcome: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)  # which ends with the process, if not before
    thread.start()
    thread.join(LONGEST)
    if errors:
        raise errors[0]
    if not outcome:
        raise TimeoutError(f"the server has not sent all of it in {LONGEST} s")
    return outcome[0]


def _explain(address: str, error: Exception) -> str:
    return f"{shown(address)} cannot be read: {reason_of(error)}. Check the address and the network."
