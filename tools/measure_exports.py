"""Export a trained model of every family in every format and precision; write what works to docs/exports.md.

    python tools/measure_exports.py                    all families
    python tools/measure_exports.py yolox-micro        these; the other columns of the page stay as they are

The models are those of tests/trained_models.py. All take half an hour on two cores.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from light_models import FIRST  # noqa: E402
from trained_models import PICTURES, SIDE, WAYS, checks_of_exports  # noqa: E402

from detect.artefacts.export_card import Check  # noqa: E402
from detect.export.check import AP_LOSS  # noqa: E402

PAGE = ROOT / "docs" / "exports.md"
AT_ONCE = 2  # models; each mostly keeps one core busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=FIRST, help="families by their first model; all by default")
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
    """The AP of the original, and what each export has more or less, in points."""
    points = [(100 * (check.AP or 0), 100 * (check.AP_of_original or 0)) for check in checks.values()]
    return [f"{points[0][1]:.1f}", *(f"{ours - original:+.2f}" for ours, original in points)]


def read_columns() -> dict[str, list[str]]:
    """Those of the page as it is, by model; none where the rows were others."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    if [row[0] for row in rows] != ["model", "---", *_names_of_rows()]:
        return {}
    _, *columns = zip(rows[0], *rows[2:], strict=True)
    return {name: values for name, *values in columns}


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
    bounds = ", ".join(f"{precision} {most:g}" for precision, most in AP_LOSS.items())
    train, val = PICTURES.values()
    return f"""<!-- Written by tools/measure_exports.py: measure again instead of editing. -->

# What can be exported

The smallest model of each family, made smaller still, was trained on {train} synthetic pictures of {SIDE} pixels
(SSD: 300) and exported in every way that there is. Its AP in points on {val} pictures that it had not seen, and what
each export, run by its own runtime, has more or less on the same pictures. What `detect export` lets an export lose by
default: {bounds}. The aim of int8 is half a point.

{table}
{not_yet}
- An export is for one size of images, and with `--dynamic` for those of all usual shapes of videos: anchors and points
  are constants of a size.
- `litert` takes one image a call, because LiteRT's suppression does; `stablehlo` a fixed number, 1 by default.
- `stablehlo` is float32 only: what it is given is what XLA computes with.
- `savedmodel` has no int8: TensorFlow has no kernels that would be quicker with it on a CPU or GPU.
- `int8-weights` is of `litert` only: weights alone in int8, without pictures.
- Every way can also end before suppression, with `--raw`.
"""


if __name__ == "__main__":
    main()
