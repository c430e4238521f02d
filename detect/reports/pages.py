"""Pages in HTML that need nothing from outside: their templates, and what is put into them."""

import base64
import functools
import json
from typing import Any, NamedTuple

import jinja2


class Figure(NamedTuple):
    """An image on a page."""

    caption: str
    source: str  # the image itself, as a data URI
    kind: str = "narrow"  # or "wide", for a row of its own


def data_uri(media_type: str, content: bytes) -> str:
    """Return the content of a file as a URI that can stand in its place."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def score_text(value: float | None, digits: int = 3) -> str:
    """Return a score as text, `-` where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"  # NaN is not itself


def script_json(value: Any) -> str:
    """Return JSON, in ASCII, that can stand in a script: nothing in it ends the element, whatever texts it has."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@functools.cache
def template(name: str) -> jinja2.Template:
    """Return a template of this folder. Every value that it is given is escaped, and none may be missing."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("detect.reports", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["score"] = score_text
    return environment.get_template(name)
