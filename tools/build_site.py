"""Build the documentation site in site/; every warning is an error.

    python tools/build_site.py

`make docs` runs it, after tools/write_documents.py. It needs no network, and the pages load nothing from other servers.
The generator (Zensical) checks links between pages. This script checks what the generator does not: warnings about
docstrings, and links to images and other files.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
WARNING = re.compile(r"^(griffe|mkdocstrings): ", re.MULTILINE)  # lines that the generator does not count as warnings
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}  # tags that fetch something


def main() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(done.stdout, end="")
    if done.returncode or WARNING.search(done.stdout):
        print("The site has warnings, see above.")
        return 1
    faults = sorted({fault for page in SITE.rglob("*.html") for fault in faults_of(page, SITE)})
    for fault in faults:
        print(fault)
    return int(bool(faults))


def faults_of(page: Path, site: Path) -> Iterator[str]:
    """Yield a sentence for each link that leads nowhere, and for each file that is loaded from another server."""
    name = page.relative_to(site).as_posix()
    for tag, target in links(page.read_text(encoding="utf-8")):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            if tag in LOADED and parts.scheme != "data":
                yield f"{name} loads {target} from another server"
        elif parts.path and not target_of(unquote(parts.path), page, site).exists():
            yield f"{name} links to {target}, which does not exist"


def target_of(path: str, page: Path, site: Path) -> Path:
    """Return the file that a link in `page` leads to; the links of 404.html begin at the root of the site."""
    return site / path[1:] if path.startswith("/") else page.parent / path


def links(html: str) -> list[tuple[str, str]]:
    """Return the tag and the target of everything that a page links to or loads."""
    found: list[tuple[str, str]] = []

    class Collector(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            value = dict(attrs).get("href" if tag == "a" else LOADED.get(tag, ""))
            if value:
                found.append((tag, value))

    Collector().feed(html)
    return found


if __name__ == "__main__":
    sys.exit(main())
