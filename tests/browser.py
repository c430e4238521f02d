"""Chromium without a window, for tests of pages."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A container has no room for its sandbox and no GPU, and it is to ask nobody for anything.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextlib.contextmanager
def launched() -> Iterator["Browser"]:
    """Yield a browser; skip the test, and say why, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[test]'")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser, one of {', '.join(NAMES)}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Windows:
    """Pages that are open in a browser, and what went wrong on them.

    Attributes:
        complaints: errors and warnings in the console, and requests that failed.
        requests: addresses that the pages asked for.
    """

    browser: "Browser"
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(
        self, address: str, width: int = 1280, height: int = 800, scheme: Literal["light", "dark"] = "light", **options
    ) -> "Page":
        """Open an address in a window of its own.

        Args:
            address: of a page, `http:` or `file:`.
            width: of the window, pixels.
            height: of the window, pixels.
            scheme: what the user prefers.
            options: further ones of Playwright's `new_context`.
        """
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        return page

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def inaccessible(page: "Page") -> list[str]:
    """Return what axe finds on a page that people with a keyboard or a screen reader cannot use: rule and elements."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    violations = axe.run(page).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes'][:3]]}" for each in violations]
