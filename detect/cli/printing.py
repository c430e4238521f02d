"""Output of commands: results on standard output, failures on standard error, colours on terminals only."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from detect.terminal import printable, shortened

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_OF_FILES = 140  # columns of tables when the output is not a terminal
SECONDS_BETWEEN_LINES = 15.0
LONGEST_CELL = 100  # characters of a table's cell


def say(text: str, style: str = "") -> None:
    """Print a line of the result. Nothing in it is taken for markup, and it is not wrapped in files."""
    _console().print(printable(text), style=style or None, markup=False, highlight=False, soft_wrap=True)


def fail(*lines: str) -> None:
    """Print the message of a command that failed on standard error."""
    from rich.text import Text

    message = "\n".join(map(printable, lines))
    _console(stderr=True).print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table, whose first column is left-aligned and whose others are numbers, and an empty line."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", no_wrap=position > 0)
    for row in rows:
        table.add_row(*(shortened(printable(cell), LONGEST_CELL) for cell in row))
    if title:
        say(title, style="bold")
    console = _console()
    console.print(table, markup=False, highlight=False)
    console.print()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[..., None]]:
    """Yield a function that shows progress: items done, items in total (None if unknown), and a remark.

    On a terminal it moves a bar; elsewhere it prints a line from time to time.
    """
    console = _console()
    if not console.is_terminal:
        yield _line_printer(label)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(label, total=None)

        def show(done: int, total: int | None, remark: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{label} {remark}")

        yield show


@contextmanager
def download_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the progress of a download: bytes received and in total (0 if unknown).

    Nothing is shown before its first call, because most of the time there is nothing to download.
    """
    console = _console()
    if not console.is_terminal:
        print_line = _line_printer(f"Downloading {label}, MB:")
        yield lambda done, total: print_line(done // 10**6, total // 10**6)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("Downloading {task.description}"), BarColumn(None), DownloadColumn(), TransferSpeedColumn()
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, expand=True)

    def show(done: int, total: int) -> None:
        if not bar.tasks:
            bar.add_task(label)
            bar.start()
        bar.update(bar.tasks[0].id, completed=done, total=total or None)
        if total and done == total:
            bar.stop()  # because what follows may print too

    try:
        yield show
    finally:
        bar.stop()


def _line_printer(label: str) -> Callable[..., None]:
    last = time.monotonic()

    def show(done: int, total: int | None, remark: str = "") -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{label} {done}{f' of {total}' if total else ''} {remark}".rstrip())

    return show


def _console(stderr: bool = False) -> "Console":
    """Return a console for the present standard stream. Importing rich takes 0.1 s, which `--help` can do without."""
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=WIDTH_OF_FILES)
