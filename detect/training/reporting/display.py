"""The progress of a run on the screen: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from detect.terminal import printable

SECONDS_BETWEEN_LINES = 15.0
SECONDS_BETWEEN_FRAMES = 0.2
BAR_WIDTHS = (8, 30)  # least and most columns
GAP = "  "


class Display(Protocol):
    """A place where a run shows its progress."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def show(self, progress: float, course: Sequence[str], numbers: Sequence[str] = ()) -> None:
        """Show the current state.

        Args:
            progress: 0..1.
            course: where the run is and how long it will take, the most important first.
            numbers: what it measures, the most important first.
        """

    def close(self) -> None:
        """Remove what does not stay; called at the end of the run."""


class State(NamedTuple):
    """The state of a run on two lines of a terminal: the bar with the course, and the numbers. See `Display.show`."""

    progress: float
    course: Sequence[str]
    numbers: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield two lines that fit into the console. The bar is always whole; fields that do not fit are left out."""
        least, most = BAR_WIDTHS
        percent = f"{self.progress:4.0%}"
        text = fitting([percent, *self.course], options.max_width - least - len(GAP))
        width = min(most, max(least, options.max_width - len(text) - len(GAP)))
        line = Table.grid(padding=(0, len(GAP), 0, 0))
        line.add_row(ProgressBar(total=1.0, completed=self.progress, width=width), Text(text, no_wrap=True))
        yield line
        yield Text(fitting(self.numbers, options.max_width), no_wrap=True, overflow="crop")


def clock(seconds: float) -> str:
    """Return a duration in minutes and seconds, or in hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def fitting(fields: Sequence[str], width: int) -> str:
    """Return as many of the first fields as fit into `width` columns, side by side."""
    count = len(fields)
    while count and len(GAP.join(fields[:count])) > width:
        count -= 1
    return GAP.join(fields[:count])


class BarDisplay:
    """Two lines that are drawn in place, a few times a second at most."""

    def __init__(self, console: Console):
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.drawn = -SECONDS_BETWEEN_FRAMES
        self.live.start()
        self.show(0.0, ["starting"])

    def say(self, text: str) -> None:
        self.live.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def show(self, progress: float, course: Sequence[str], numbers: Sequence[str] = ()) -> None:
        now = time.monotonic()
        if now - self.drawn >= SECONDS_BETWEEN_FRAMES:
            self.drawn = now
            self.live.update(State(progress, course, numbers), refresh=True)

    def close(self) -> None:
        self.live.stop()


class LineDisplay:
    """Prints the state every few seconds, for files and logs."""

    def __init__(self, console: Console):
        self.console = console
        self.last = -SECONDS_BETWEEN_LINES

    def say(self, text: str) -> None:
        self.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def show(self, progress: float, course: Sequence[str], numbers: Sequence[str] = ()) -> None:
        if time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            self.say(GAP.join([f"{progress:4.0%}", *course, *numbers]))

    def close(self) -> None:
        pass


class SilentDisplay:
    """Shows nothing: for all workers but the first."""

    def say(self, text: str) -> None:
        pass

    def show(self, progress: float, course: Sequence[str], numbers: Sequence[str] = ()) -> None:
        pass

    def close(self) -> None:
        pass


def create_display(chief: bool) -> Display:
    """Return a display for where the output goes; a silent one for a worker that is not the chief."""
    if not chief:
        return SilentDisplay()
    console = Console()
    return BarDisplay(console) if console.is_terminal and not console.is_dumb_terminal else LineDisplay(console)
