"""Image files that are damaged on purpose."""

from pathlib import Path

from detect.data.pixels.headers import read_header


def damage(path: Path) -> None:
    """Replace the middle half of a file by zeros: the header of an image stays whole, its pixels do not."""
    content = path.read_bytes()
    quarter = len(content) // 4
    path.write_bytes(content[:quarter] + bytes(2 * quarter) + content[3 * quarter :])
    assert read_header(path)
