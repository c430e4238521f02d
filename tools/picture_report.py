"""Write a picture of a report for the documentation.

detect evaluate runs/bccd --data ../shared/data/bccd --report report
python tools/picture_report.py report/index.html docs/pictures/report.jpg
"""

import argparse
import shutil
from pathlib import Path

WIDTH, HEIGHT = 1280, 860  # of the window, pixels
QUALITY = 80  # of the JPEG, percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="page of a report")
    parser.add_argument("picture", type=Path, help="JPEG file to write")
    arguments = parser.parse_args()
    draw(arguments.report, arguments.picture)


def draw(report: Path, picture: Path) -> None:
    """Write a picture of the list of images in a report."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=("--no-sandbox", "--disable-gpu"))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(report.resolve().as_uri())
        page.evaluate("document.getElementById('images').scrollIntoView()")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=picture, type="jpeg", quality=QUALITY)
        browser.close()


if __name__ == "__main__":
    main()
