"""Addresses of images on web servers and in cloud storages, in place of which the user has the files."""

import re
from urllib.parse import unquote

_WEB = ("http", "https")


def path_in_address(address: str) -> str:
    """Return the path in the address of a file: `photos/a.jpg` for `gs://bucket/photos/a.jpg`; others as they are.

    In addresses of web servers, percent-encoding is undone and what follows the path is left out.
    """
    scheme, mark, rest = address.partition("://")
    path = rest.partition("/")[2]
    if not mark or not path:
        return address
    return unquote(re.split("[?#]", path)[0]) if scheme.lower() in _WEB else path
