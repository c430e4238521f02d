"""The page that `measure_exports.py` writes."""

from measuring.first_models import FIRST
from measuring.trained_models import IMAGES, SIDE, WAYS

from detect.export.check import AP_LOSS

Figures = dict[str, dict[str, dict[str, dict[str, float]]]]  # group, model, format and precision, what was measured
ROWS = [f"{format} {precision}" for format, precision in WAYS]


def page(figures: Figures) -> str:
    bounds = ", ".join(f"{precision} {most:g}" for precision, most in AP_LOSS.items())
    train, val = IMAGES.values()
    published = "\n\n".join(published_table(name, rows) for name, rows in figures["published"].items())
    return f"""<!-- Written by tools/measure_exports.py: measure again instead of editing. -->

# Exports

Each model is exported in every format and precision, and each export is run by its own runtime on the images that its
original is scored on. By default, `detect export` accepts these losses of AP, in points:
{bounds}.
Exports that would lose more get the fewest layers in float32 that bring the AP back, or are refused.

## Published weights

Scored on images of COCO val2017, int8 is calibrated on images of train2017. MB are for square images only. The
time is for one image through `detect`, from pixels to boxes, each export in a process of its own, on two cores.

{published}

## Trained on generated images

The smallest model of each family, reduced further, was trained on {train} generated images of {SIDE} pixels (SSD: 300).
The row AP is the AP of the original, in points, on {val} images that it was not trained on. The other rows are the AP
of each export minus that of the original.

{trained_table(figures["trained"])}

[Export formats](formats.md) describes each format.
"""


def published_table(name: str, rows: dict[str, dict[str, float]]) -> str:
    original = next(iter(rows.values()))["AP_of_original"]
    lines = [
        f"| {way} | {_difference(row)} | {row['megabytes']:.1f} | {row['milliseconds']:.1f} | {row['kept'] or ''} |"
        for way in ROWS
        if (row := rows.get(way))
    ]
    head = "| | AP, difference | MB | ms | layers in float32 for AP |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"`{name}`, AP {original:.1f}:", "", head, *lines])


def trained_table(models: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the table of all trained models; cells that were not measured are empty."""
    names = [name for name in FIRST if name in models]
    originals = (next(iter(models[name].values()))["AP_of_original"] for name in names)
    rows = [
        ["model", *names],
        ["---"] * (len(names) + 1),
        ["AP", *(f"{original:.1f}" for original in originals)],
        *([way, *(_difference(models[name].get(way)) for name in names)] for way in ROWS),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _difference(row: dict[str, float] | None) -> str:
    return "" if row is None else f"{row['difference']:+.2f}"
