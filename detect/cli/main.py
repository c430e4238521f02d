"""The entry point of the `detect` command: its subcommands, and what happens when one fails.

Exit codes: 0 success, 1 a failure of the run, 2 bad usage or bad input, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from detect.cli.benchmark import benchmark
from detect.cli.data import app as data_commands
from detect.cli.demo import demo
from detect.cli.evaluate import evaluate
from detect.cli.export import export
from detect.cli.models import models
from detect.cli.predict import predict
from detect.cli.printing import fail
from detect.cli.train import train
from detect.cli.weights import app as weights_commands
from detect.errors import DetectError

LONGEST_MESSAGE = 500  # characters of an unexpected error that are shown without --debug

app = typer.Typer(
    name="detect",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(export)
app.command()(benchmark)
app.add_typer(data_commands, name="data")
app.command()(models)
app.add_typer(weights_commands, name="weights")
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        from detect import __version__

        print(f"detect {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. May be given anywhere.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train object detectors on your own images, score them, and run them on images and video."""


def main() -> None:
    """Run the command of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. With `--debug`, errors are raised, so that Python prints them."""
    debug = "--debug" in arguments
    try:
        app([argument for argument in arguments if argument != "--debug"], prog_name="detect")
    except SystemExit as done:
        return _exit_code(done.code)
    except KeyboardInterrupt:
        fail("Interrupted.")
        return 130
    except DetectError as error:
        if debug:
            raise
        fail(str(error))
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        unexpected = f"{describe(error)}\nThis was not expected. Run again with --debug for the traceback."
        fail(missing_library(error) or unexpected)
        return 1
    return 0


def describe(error: Exception) -> str:
    """Return an unexpected error in one line: its type and the start of its text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:LONGEST_MESSAGE]}" if text else type(error).__name__


def missing_library(error: Exception) -> str:
    """Return what to do where OpenCV is installed but cannot be loaded; an empty text for any other error."""
    if not isinstance(error, ImportError) or not Path(error.path or "").name.startswith("cv2."):
        return ""
    headless = f"opencv-python-headless=={metadata.version('opencv-python-headless')}"
    return (
        f"OpenCV cannot be loaded: {error}.\n"
        "Its full build needs libraries that servers and slim containers lack. Install its headless build instead:\n"
        f"  {sys.executable} -m pip install --force-reinstall --no-deps {headless}\n"
        "or install the libraries (Debian, Ubuntu: apt install libgl1 libglib2.0-0)."
    )


def _exit_code(code) -> int:
    return code if isinstance(code, int) else int(code is not None)
