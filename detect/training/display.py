"""The progress of a run on the screen: a live bar on a terminal, plain lines elsewhere."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from detect.terminal import printable

SECONDS_BETWEEN_LINES = 15.0


class Display(Protocol):
    """A place where a run shows its progress."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def show(self, progress: float, text: str) -> None:
        """Show the current state; `progress` is 0..1."""

    def close(self) -> None:
        """Remove what does not stay; called at the end of the run."""


class BarDisplay:
    """A progress bar that is redrawn in place."""

    def __init__(self, console: Console):
        columns = BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}")
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("starting", total=1.0)
        self.bar.start()

    def say(self, text: str) -> None:
        self.bar.console.print(printable(text), highlight=False, markup=False)

    def show(self, progress: float, text: str) -> None:
        self.bar.update(self.task, completed=progress, description=text)

    def close(self) -> None:
        self.bar.stop()


class LineDisplay:
    """Prints the state every few seconds, for files and logs."""

    def __init__(self, console: Console):
        self.console = console
        self.last = -SECONDS_BETWEEN_LINES

    def say(self, text: str) -> None:
        self.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def show(self, progress: float, text: str) -> None:
        if time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            self.say(f"{progress:4.0%}  {text}")

    def close(self) -> None:
        pass


class SilentDisplay:
    """Shows nothing: for all workers but the first."""

    def say(self, text: str) -> None:
        pass

    def show(self, progress: float, text: str) -> None:
        pass

    def close(self) -> None:
        pass


def create_display(chief: bool) -> Display:
    """Return a display for where the output goes; a silent one for a worker that is not the chief."""
    if not chief:
        return SilentDisplay()
    console = Console()
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)
