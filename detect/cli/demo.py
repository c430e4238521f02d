"""`detect demo`: the whole workflow, on a dataset that the demo draws itself."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from detect.cli.printing import say

EPOCHS = 24.0  # of 400 images: enough for an AP50 above 0.9; takes about four minutes on two cores
VALIDATIONS = 6
IMAGE_SIZE = 192  # pixels: the size of the images in the dataset
MODEL = "yolox-micro"  # which learns the shapes from random weights: the demo downloads nothing


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo"),
    epochs: Annotated[float, typer.Option(help="Passes over the training images.")] = EPOCHS,
) -> None:
    """Make a small dataset, train on it, score the model, and run it on images and on a video.

    Each step is an ordinary command, which is printed before it runs.
    """
    from detect.data.shapes import write_shapes, write_shapes_video

    data, video = out / "shapes" / "shapes.yaml", out / "shapes.mp4"
    say(f"Drawing a dataset of coloured shapes: {data.parent}, and a video: {video}", style="bold")
    data = write_shapes(data.parent, image_size=IMAGE_SIZE)
    write_shapes_video(video)
    name = free_name(out / "runs")
    run_folder = str(out / "runs" / name)

    step(context, "data", "check", str(data))
    what = ["--data", str(data), "--model", MODEL, "--image-size", str(IMAGE_SIZE), "--epochs", f"{epochs:g}"]
    where = ["--name", name, "--set", f"runs={out / 'runs'}"]
    step(context, "train", *what, "--set", f"validations={VALIDATIONS}", *where)
    step(context, "evaluate", run_folder, "--data", str(data), "--json", str(out / "scores.json"))
    step(
        context,
        "predict",
        run_folder,
        str(data.parent / "images" / "val"),
        str(video),
        "--out",
        str(out / "predictions"),
    )

    say("")
    say("Done. Look at", style="bold")
    say(f"  {run_folder}/report.html   the course and the scores of the training")
    say(f"  {out / 'predictions'}   images and the video with the detected boxes")
    say("")
    say("Your own data: detect train --data DATASET")
    say(f"Your own images: detect predict {run_folder} IMAGES")


def step(context: typer.Context, *words: str) -> None:
    """Print a command and run it; a failure ends the demo with the command's exit code."""
    say("")
    say(f"$ detect {shlex.join(words)}", style="bold cyan")
    code = context.find_root().command.main(words, prog_name="detect", standalone_mode=False)
    if code:
        raise typer.Exit(code)


def free_name(runs: Path) -> str:
    """Return `shapes`, or `shapes-2` and so on if an earlier demo has taken that name."""
    number = 1
    while (runs / (name := "shapes" if number == 1 else f"shapes-{number}")).exists():
        number += 1
    return name
