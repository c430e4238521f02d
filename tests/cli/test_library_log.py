"""Log lines of libraries are kept from the user; everything else that they write is not."""

import os
import subprocess
import sys

import pytest

from detect.cli.library_log import is_log_line


@pytest.mark.parametrize(
    "line",
    [
        b"E0000 00:00:1795749110.028191   24600 port.cc:153] oneDNN supports DT_UINT8 only on",
        b"W1127 03:12:11.000001  99 cuda_executor.cc:1] cuInit: UNKNOWN ERROR (303)",
        b"2026-11-27 03:12:11.123456: W tensorflow/core/x.cc:1] Could not find TensorRT",
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        b"\x1b[0;93m2026-11-27 03:12:11.1 [W:onnxruntime:, graph.cc:1] Removing initializer\x1b[m",
        b"2026-11-27 03:12:11.1 [E:onnxruntime:Default, env.cc:1] pthread_setaffinity_np failed",
        b"[ WARN:0@0.011] global loadsave.cpp:248 findDecoder imread_",
    ],
)
def test_log_lines(line):
    assert is_log_line(line)


@pytest.mark.parametrize(
    "line",
    [
        b"F0000 00:00:1795749110.028191   24600 tensor.cc:9] Check failed: 1 == 2",
        b"2026-11-27 03:12:11.123456: F tensorflow/core/platform/cpu_feature_guard.cc:1] built for AVX",
        b"terminate called after throwing an instance of 'std::bad_alloc'",
        b"Fatal Python error: Segmentation fault",
        b"Traceback (most recent call last):",
        b"",
    ],
)
def test_last_words_are_no_log_lines(line):
    assert not is_log_line(line)


CRASH = """
import os, sys
from detect.cli.library_log import hide_library_log
hide_library_log()
print("our own words", file=sys.stderr)
os.write(2, b"E0000 00:00:1.5 1 a.cc:1] dull\\n2026-11-27 03:12:11.1: F a.cc:1] last words")
os.abort()
"""


@pytest.mark.parametrize(("level", "shown"), [("3", False), ("0", True)])
def test_the_last_words_of_a_library_that_crashes_are_shown(level, shown):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": level}
    done = subprocess.run([sys.executable, "-c", CRASH], env=environment, stderr=subprocess.PIPE, text=True)
    assert done.returncode < 0
    assert "our own words" in done.stderr
    assert "F a.cc:1] last words" in done.stderr
    assert ("dull" in done.stderr) == shown
