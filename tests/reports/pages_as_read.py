"""Pages in HTML as a browser reads them."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """A page as a browser reads it: elements with their attributes, texts, and the cells of tables by row."""

    VOID = ("img", "input", "link", "meta")

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(path.read_text("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style", "title") and data.strip():
            self.texts.append(data.strip())
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip()

    @property
    def links(self) -> list[str]:
        """Everything that the page takes from elsewhere or leads to."""
        return [values[name] for _, values in self.elements for name in ("src", "href") if name in values]

    @property
    def images(self) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag == "img"]

    @property
    def captions(self) -> list[str]:
        return [image["alt"] for image in self.images]

    def row(self, first: str) -> list[str]:
        """The cells after the one with this text."""
        return next(cells[1:] for cells in self.rows if cells[0] == first)
