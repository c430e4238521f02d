"""Signals end a run where nothing is lost by that, and the second one ends it at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from detect.training.updates.stop_request import SIGNALS, Stopped, StopRequest

# A process whose main thread does not come back from the system to handle signals; its parent sends them.
HANGING = """
import signal, sys, threading
from detect.training.updates import stop_request
stop_request.GRACE_SECONDS = float(sys.argv[1])
with stop_request.StopRequest() as stop, stop.deferred(), stop.lossless(sys.argv[2] == "lossless"):
    signal.raise_signal(signal.SIGTERM)
    if sys.argv[3:]:
        signal.raise_signal(signal.SIGINT)
    threading.Event().wait()
"""


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def stopped_in(run) -> Stopped:
    """Return what ends a function that is given the listening request."""
    with pytest.raises(Stopped) as stopped, StopRequest() as stop:
        run(stop)
    return stopped.value


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_at_once_or_at_the_next_check(number):
    before, reached = signal.getsignal(number), []

    def deferring(stop):
        with stop.deferred():
            stop.check()
            send(number)
            reached.append(number)
            stop.check()

    assert stopped_in(lambda stop: send(number)).exit_code == 128 + number
    assert stopped_in(deferring).exit_code == 128 + number
    assert reached == [number]
    assert signal.getsignal(number) is before


def test_what_can_be_repeated_is_ended_at_once_and_not_begun():
    def ended(stop):
        with stop.deferred(), stop.at_once():
            send()
            pytest.fail("went on")

    def not_begun(stop):
        with stop.deferred():
            send()
            with stop.at_once():
                pytest.fail("began")

    stopped_in(ended)
    stopped_in(not_begun)


def test_names_and_codes():
    assert [(Stopped(number).name, Stopped(number).exit_code) for number in SIGNALS] == [
        ("SIGTERM", 143),
        ("Ctrl-C", 130),
    ]


def test_other_threads_do_not_listen():
    before = signal.getsignal(signal.SIGTERM)

    def listen():
        with StopRequest():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()


def test_signals_that_are_ignored_stay_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            send(signal.SIGINT)
            stop.check()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["60", "", "twice"], 130, "Ctrl-C: the run is ended at once"),
        (["0", "lossless"], 143, "SIGTERM: the run does not"),
    ],
)
def test_a_run_that_hangs_is_ended(arguments, code, said):
    done = subprocess.run([sys.executable, "-c", HANGING, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr[: len(said)]) == (code, said)
