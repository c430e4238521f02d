"""Export a trained model of each family in every format and precision; write the loss of AP to docs/exports.md.

    python tools/measure_exports.py                    all families
    python tools/measure_exports.py yolox-micro        these families; the other columns of the page stay as they are

The models are those of tools/measuring/trained_models.py. All families take half an hour on two cores.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measuring.first_models import FIRST
from measuring.trained_models import IMAGES, LEARNING, SIDE, WAYS, checks_of_exports

from detect.artefacts.export_card import Check
from detect.export.check import AP_LOSS

PAGE = Path(__file__).parents[1] / "docs" / "exports.md"
NOT_YET = "?"  # in place of what is not measured
AT_ONCE = 2  # models; each keeps about one core busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names",
        nargs="*",
        default=list(LEARNING),
        help="the first models of families; default: all that are trained",
    )
    columns, names = read_columns(), parser.parse_args().names
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, checks in zip(names, pool.map(measure, names), strict=True):
            columns[name] = column(checks)
            PAGE.write_text(page({known: columns[known] for known in FIRST if known in columns}), encoding="utf-8")
            print(name, *columns[name], sep=" | ", flush=True)


def measure(name: str) -> dict[tuple[str, str], Check]:
    with tempfile.TemporaryDirectory() as folder:
        return checks_of_exports(name, Path(folder))


def column(checks: dict[tuple[str, str], Check]) -> list[str]:
    """Return the AP of the original and the difference of each export, in points."""
    points = [(100 * (check.AP or 0), 100 * (check.AP_of_original or 0)) for check in checks.values()]
    return [f"{points[0][1]:.1f}", *(f"{ours - original:+.2f}" for ours, original in points)]


def read_columns() -> dict[str, list[str]]:
    """Return the columns of the page as it is, by model; rows that it does not have yet are `NOT_YET`."""
    (_, *models), _, *rows = (
        line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("|")
    )
    known = {name: cells for name, *cells in rows}
    cells = [known.get(name, [NOT_YET] * len(models)) for name in _names_of_rows()]
    return {name: list(values) for name, values in zip(models, zip(*cells, strict=True), strict=True)}


def _names_of_rows() -> list[str]:
    return ["AP", *(f"{format} {precision}" for format, precision in WAYS)]


def page(columns: dict[str, list[str]]) -> str:
    cells = zip(*columns.values(), strict=True)
    rows = [
        ["model", *columns],
        ["---"] * (len(columns) + 1),
        *([n, *row] for n, row in zip(_names_of_rows(), cells, strict=True)),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    missing = ", ".join(name for name in FIRST if name not in columns)
    not_yet = f"\nNot measured yet: {missing}.\n" if missing else ""
    not_yet += f"\n{NOT_YET}: not measured yet.\n" if NOT_YET in table else ""
    bounds = ", ".join(f"{precision} {most:g}" for precision, most in AP_LOSS.items())
    train, val = IMAGES.values()
    return f"""<!-- Written by tools/measure_exports.py: measure again instead of editing. -->

# Exports

The smallest model of each family, reduced further, was trained on {train} synthetic images of {SIDE} pixels (SSD:
300) and exported in every format and precision. The row AP is the AP of the original, in points, on {val} images that
it was not trained on. The other rows are the AP of each export, run by its own runtime on the same images, minus that
of the original.

By default, `detect export` accepts these losses of AP, in points: {bounds}.
The goal for int8 is half a point.

{table}
{not_yet}
[Export formats](formats.md) describes each format.
"""


if __name__ == "__main__":
    main()
