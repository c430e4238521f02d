"""Export a trained model of every family in every format and precision; write what works to docs/exports.md.

    python tools/measure_exports.py                    all families
    python tools/measure_exports.py yolox-micro        these; the other rows of the page stay as they are

The models are those of tests/trained_models.py, which have learnt a few pictures by heart.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from light_models import FIRST  # noqa: E402
from trained_models import learn  # noqa: E402

from detect.errors import DetectError  # noqa: E402
from detect.exporting.check import AP_LOSS  # noqa: E402
from detect.exporting.run import PRECISIONS, export  # noqa: E402

PAGE = ROOT / "docs" / "exports.md"
KINDS = [(format, precision) for format, precisions in PRECISIONS.items() for precision in precisions]
HEADER = ("model", "AP", *(f"{format} {precision}" for format, precision in KINDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=FIRST, help="families by their first model; all by default")
    rows = read_rows()
    for name in parser.parse_args().names:
        rows[name] = measure(name)
        PAGE.write_text(page([rows[known] for known in FIRST if known in rows]), encoding="utf-8")
        print(" | ".join(rows[name]), flush=True)


def read_rows() -> dict[str, list[str]]:
    """Those of the page as it is, by model; none where the formats were others."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines()] if PAGE.exists() else []
    return {line[0]: line for line in lines if len(line) == len(HEADER) and line[0] in FIRST}


def measure(name: str) -> list[str]:
    """The row of a model."""
    with tempfile.TemporaryDirectory() as folder:
        run, data = learn(name, Path(folder))
        cells, original = [], ""
        for format, precision in KINDS:
            try:
                check = export(run, format, precision=precision, data=data, max_ap_loss=100).card.check
            except DetectError as error:
                cells.append(f"no: {error}".replace(folder, "").replace("|", "/"))
                continue
            assert check
            assert check.AP is not None
            assert check.AP_of_original is not None
            original = f"{100 * check.AP_of_original:.1f}"
            cells.append(f"{100 * (check.AP - check.AP_of_original):+.2f}")
        return [name, original, *cells]


def page(rows: list[list[str]]) -> str:
    table = "\n".join("| " + " | ".join(line) + " |" for line in (HEADER, ["---"] * len(HEADER), *rows))
    names = {row[0] for row in rows}
    missing = ", ".join(name for name in FIRST if name not in names)
    not_yet = f"\nNot measured yet: {missing}.\n" if missing else ""
    bounds = ", ".join(f"{precision} {most:g}" for precision, most in AP_LOSS.items())
    return f"""<!-- Written by tools/measure_exports.py: measure again instead of editing. -->

# What can be exported

The smallest model of each family, made smaller still, has learnt 16 pictures by heart and was exported in every way
that there is. Its AP in points, and what the export has more or less, run by its own runtime on the same pictures. What
`detect export` lets an export lose by default: {bounds}.

Models that know their pictures by heart, with boxes exact to a fraction of a pixel, lose more by int8 than others do.

{table}
{not_yet}
- An export is for one size of images, and with `--dynamic` for those of all usual shapes of videos: anchors and points
  are constants of a size.
- `litert` takes one image a call, because LiteRT's suppression does; `stablehlo` a fixed number, 1 by default.
- `stablehlo` is float32 only: what it is given is what XLA computes with.
- `savedmodel` has no int8: TensorFlow has no kernels that would be quicker with it on a CPU or GPU.
- `int8-weights` is of `litert` only: weights alone in int8, without pictures.
"""


if __name__ == "__main__":
    main()
