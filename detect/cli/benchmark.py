"""`detect benchmark`."""

from pathlib import Path
from typing import Annotated

import typer

from detect.cli import output_file
from detect.cli.printing import say, show_table
from detect.cli.starting import start_tensorflow
from detect.files import write_text
from detect.formats import names as format_names

COLUMNS = ("form", "AP", "ms per image", "95 %", "images/s", "memory, MB", "size, MB")


def benchmark(
    model: Annotated[str, typer.Argument(help="Run folder or model folder.", show_default=False)],
    formats: Annotated[
        str | None,
        typer.Option(help=f"Comma-separated: tensorflow, {', '.join(format_names())}.", show_default="all that exist"),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Score every form on this dataset.")] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    out: Annotated[Path | None, typer.Option(help="Write a plot to this SVG file.", show_default=False)] = None,
) -> None:
    """Measure a trained model and its exports on this machine: AP, time, memory and size."""
    from detect.data.readers.description import open_with_split
    from detect.models.places import require_place

    output_file.announce(out, lambda text: "<svg" in text, "a plot in SVG")
    require_place(model)
    dataset = None if data is None else open_with_split(data, split)
    start_tensorflow()
    from detect.export.comparison import benchmark as measure
    from detect.export.comparison import chart

    wanted = None if formats is None else [word.strip() for word in formats.split(",")]
    measured = measure(model, wanted, data=dataset, split=split, say=say)
    rows = [
        [
            form.name,
            "-" if form.AP is None else f"{form.AP:.4f}",
            f"{form.milliseconds:.1f}",
            f"{form.milliseconds_95:.1f}",
            f"{form.images_per_second:.1f}",
            f"{form.memory:.0f}",
            f"{form.size:.1f}",
        ]
        for form in measured
    ]
    show_table(COLUMNS, rows)
    if out is not None:
        write_text(out, chart(measured))
        say(f"Written: {out}")
