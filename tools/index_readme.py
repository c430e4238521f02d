"""The README as a package index shows it, where links into the repository lead nowhere: a metadata hook of hatchling.

With an address of the repository (`Source` in `[project.urls]` of pyproject.toml), they become absolute. Without one,
their texts stay, and pictures are left out with their captions.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_INSIDE = r"\((?!https?:|#)([^)]+)\)"  # the target of a link into the repository
_LINK = re.compile(rf"(?<!!)\[([^\]]+)\]{_INSIDE}")
_PICTURE = re.compile(rf"!\[([^\]]*)\]{_INSIDE}")
_CAPTION = r"\s*\*[^*]+\*\s*?\n"  # a paragraph in italics


class IndexReadme(MetadataHookInterface):
    """Give the description of the distributions."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add `readme` to the metadata."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = for_index(readme, metadata.get("urls", {}).get("Source"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def for_index(readme: str, address: str | None) -> str:
    """Return a Markdown text without links that are relative to the repository at `address`, if it has one."""
    if address is None:
        without_pictures = re.sub(_PICTURE.pattern + _CAPTION, "", readme)
        return _LINK.sub(r"\1", _PICTURE.sub("", without_pictures))
    absolute = _PICTURE.sub(rf"![\1]({address}/raw/main/\2)", readme)
    return _LINK.sub(rf"[\1]({address}/blob/main/\2)", absolute)
