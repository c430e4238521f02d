"""The end of a run by SIGTERM or Ctrl-C: between two steps, so that a checkpoint can be saved.

Python handles a signal when the function of TensorFlow returns that it is in, which may wait for a disk for ever. So a
thread watches too. It ends the process at the second signal, and after `GRACE_SECONDS` where nothing is lost by that.
"""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_SECONDS = 8.0
FIRST_SHELL_CODE = 128  # a process that a signal ended has the exit code 128 + its number in shells
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides


class Stopped(KeyboardInterrupt):
    """A signal has ended the run. The text says what is saved and how to go on.

    Attributes:
        exit_code: for the process.
    """

    def __init__(self, number: int, said: str = ""):
        super().__init__(said)
        self.number = number
        self.exit_code = FIRST_SHELL_CODE + number

    @property
    def name(self) -> str:
        """How the signal is called."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name


class StopRequest:
    """Hears SIGTERM and Ctrl-C as a context manager; in another thread than the main one, it hears nothing.

    The first signal raises `Stopped`: at once, or within `deferred` when `check` is next called.
    """

    def __init__(self, shared: bool = False):
        """
        Args:
            shared: whether several workers stop together: none raises `Stopped` before all know, see `loop.agree`.
        """
        self.shared = shared
        self.number = 0  # of the signal that has come
        self._is_deferred = False
        self._is_lossless = True  # whether nothing is lost by ending the process

    def check(self) -> None:
        """Raise `Stopped` where a signal has come, unless several workers stop together."""
        if self.number and not self.shared:
            raise Stopped(self.number)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block, raise `Stopped` only when `check` is called."""
        with self._being(is_deferred=True, is_lossless=False):
            yield

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block, raise `Stopped` at once: what it does can be repeated."""
        self.check()
        with self._being(is_deferred=False, is_lossless=True):
            yield
        self.check()

    @contextlib.contextmanager
    def lossless(self, is_lossless: bool = True) -> Iterator[None]:
        """Within the block, say whether nothing is lost where the process must be ended because it does not end."""
        with self._being(is_deferred=True, is_lossless=is_lossless):
            yield

    @contextlib.contextmanager
    def _being(self, is_deferred: bool, is_lossless: bool) -> Iterator[None]:
        before = self._is_deferred, self._is_lossless
        self._is_deferred, self._is_lossless = is_deferred, is_lossless
        try:
            yield
        finally:
            self._is_deferred, self._is_lossless = before

    def __enter__(self) -> "StopRequest":
        self._stack = contextlib.ExitStack()
        if threading.current_thread() is threading.main_thread():
            self._listen()
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def _listen(self) -> None:
        reader, writer = os.pipe()
        for descriptor in (reader, writer):
            os.set_blocking(descriptor, False)
        watcher = threading.Thread(target=self._watch, args=(reader,), daemon=True)
        watcher.start()
        self._stack.callback(os.close, reader)
        self._stack.callback(watcher.join)
        self._stack.callback(os.close, writer)  # which ends the watcher
        self._stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writer, warn_on_full_buffer=False))
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before not in (None, signal.SIG_IGN):  # a run in the background of a shell shall not hear Ctrl-C
                signal.signal(number, self._handle)
                self._stack.callback(signal.signal, number, before)

    def _handle(self, number: int, _frame) -> None:
        is_first, self.number = not self.number, self.number or number
        if is_first and not self._is_deferred and not self.shared:
            raise Stopped(number)

    def _watch(self, reader: int) -> None:
        """End the process at the second signal, or `GRACE_SECONDS` after the first one if nothing is lost by that."""
        way_on = "The same command with --resume goes on from the last checkpoint, or begins anew if there is none."
        first = _next_signal(reader)
        if not first:
            return
        second = _next_signal(reader, GRACE_SECONDS)
        if second is None and self._is_lossless:
            _end(first, f"the run does not end by itself, and is ended. {way_on}")
        second = _next_signal(reader) if second is None else second
        if second:
            _end(second, f"the run is ended at once. {way_on}")


def _next_signal(reader: int, seconds: float | None = None) -> int | None:
    """Return the number of the next signal; 0 when there will be no more; None where none comes in time."""
    while select.select([reader], [], [], seconds)[0]:
        content = os.read(reader, 1)
        if not content or content[0] in SIGNALS:
            return content[0] if content else 0
    return None


def _end(number: int, said: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    print(f"{Stopped(number).name}: {said}", file=sys.stderr, flush=True)
    os._exit(FIRST_SHELL_CODE + number)
