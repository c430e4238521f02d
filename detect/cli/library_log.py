"""Keeps the log lines of libraries from the user: those of TensorFlow, its converters, ONNX Runtime and others.

Their C++ parts write to file descriptor 2. A process of its own reads what they write there and passes on what does not
look like a log line. It outlives a library that crashes, so that its last words are shown.
"""

import os
import re
import sys

TENSORFLOW_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
QUIET = "3"  # TensorFlow's level at which only fatal errors are logged
LOG_LINES = (
    rb"[IWE]\d{4} \d\d:\d\d:\d",  # absl
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] ",  # TensorFlow
    rb"(\x1b\[[\d;]*m)?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \[[VIWE]:onnxruntime",
    rb"\[ *(DEBUG|INFO|WARN):\d",  # OpenCV
    rb"(DEBUG|INFO|WARNING): ",  # absl before it is set up, LiteRT
)


def hide_library_log() -> None:
    """Hide log lines from now on, unless TensorFlow's variable asks for more of them than `detect` does.

    Called before the first library that has some. Where TensorFlow is there already, this has been decided.
    """
    if os.environ.get(TENSORFLOW_LEVEL) != QUIET or "tensorflow" in sys.modules:
        return
    import logging
    import subprocess
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    # In a session of its own, so that it gets no Ctrl-C.
    reader = subprocess.Popen([sys.executable, "-IS", __file__], stdin=subprocess.PIPE, start_new_session=True)
    assert reader.stdin is not None
    sys.stderr.flush()
    ours = open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = ours
    os.dup2(reader.stdin.fileno(), 2)


def is_log_line(line: bytes) -> bool:
    """Return whether a line is one of a library's log."""
    return any(re.match(pattern, line) for pattern in LOG_LINES)


def pass_on() -> None:
    """Copy standard input to standard error, without log lines."""
    for line in sys.stdin.buffer:
        if not is_log_line(line):
            os.write(2, line)


if __name__ == "__main__":
    pass_on()
