"""The entry point of the `detect` command: its subcommands, and what happens when one fails.

Exit codes: 0 success, 1 a failure of the run, 2 bad usage or bad input, 75 another worker of a run was lost, 130
Ctrl-C, 143 SIGTERM.
"""

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from detect.cli.advise import advise
from detect.cli.benchmark import benchmark
from detect.cli.compare import compare
from detect.cli.data import app as data_commands
from detect.cli.demo import demo
from detect.cli.evaluate import evaluate
from detect.cli.example import example
from detect.cli.export import check, export
from detect.cli.interruption import Commands, Interrupted
from detect.cli.label import label
from detect.cli.library_log import TENSORFLOW_LEVEL
from detect.cli.models import models
from detect.cli.predict import predict
from detect.cli.printing import fail
from detect.cli.serve import serve
from detect.cli.threshold import threshold
from detect.cli.track import track
from detect.cli.train import train
from detect.cli.unexplained import explain
from detect.cli.weights import app as weights_commands
from detect.errors import BadInput, DetectError

app = typer.Typer(
    name="detect",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(epilog="Example: detect train --data plates.yaml --max-time 30m")(train)
app.command(epilog="Example: detect evaluate runs/plates --data plates.yaml --split test")(evaluate)
app.command(epilog="Example: detect compare runs/first runs/second --html compared.html")(compare)
app.command(epilog="Example: detect threshold runs/first --data plates.yaml --precision 0.95")(threshold)
app.command(epilog="Example: detect advise runs/plates --max-time 30m")(advise)
app.command(epilog="Example: detect predict runs/plates photos/ clip.mp4 --out found")(predict)
app.command(epilog="Example: detect track runs/cars road.mp4 --line 0%,60%,100%,60%")(track)
app.command(epilog="Example: detect serve runs/plates")(serve)
app.command(epilog="Example: detect label runs/plates photos/ --to yolo --out labelled")(label)
app.command(epilog="Example: detect export runs/plates --format onnx --data plates.yaml")(export)
app.command("export check", epilog="Example: detect export check runs/plates/exports/onnx")(check)
app.command(epilog="Example: detect benchmark runs/plates --data plates.yaml")(benchmark)
app.add_typer(data_commands, name="data")
app.command(epilog="Example: detect models yolox-s")(models)
app.add_typer(weights_commands, name="weights")
app.command(epilog="Example: detect demo --out demo")(demo)
app.command(epilog="Example: detect example > my_training.py")(example)


def _print_version(wanted: bool) -> None:
    if wanted:
        from detect import __version__

        print(f"detect {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show the traceback of an error, and the log of libraries. May be given anywhere."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train object detectors on your own images, score them, and run them on images and video."""


def main() -> None:
    """Run the command of this process and exit with its code."""
    if "--debug" in sys.argv:
        os.environ[TENSORFLOW_LEVEL] = "0"
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot show must not end a command
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. With `--debug`, errors are raised, so that Python prints them."""
    debug = "--debug" in arguments
    try:
        require_no_empty(arguments)
        app([argument for argument in arguments if argument != "--debug"], prog_name="detect", obj=debug)
    except SystemExit as done:
        return _exit_code(done.code)
    except Interrupted as ending:
        fail(str(ending))
        return ending.exit_code
    except DetectError as error:
        if debug:
            raise
        fail(*error.args)
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        fail(*explain(error))
        return 1
    return 0


def require_no_empty(arguments: Sequence[str]) -> None:
    """Raise `BadInput` where an argument or the value of an option is empty: as a path, it would be this folder."""
    for before, word in zip(("detect", *arguments), arguments, strict=False):
        option, equals, value = word.partition("=")
        if not word.strip() or (word.startswith("--") and equals and not value.strip()):
            place = option.strip() or before
            raise BadInput(f"Expected a value after {place}, got an empty text. Is a variable of your shell empty?")


def _exit_code(code) -> int:
    return code if isinstance(code, int) else int(code is not None)
