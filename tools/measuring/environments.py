"""The projects that are measured beside ours, each in its own environment.

They are only run. Nothing of theirs becomes part of this project.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / ".venv-peers"

# The arguments of pip, call by call. The versions of torch and torchvision belong together.
TORCH = ("torch==2.14.1", "torchvision==0.29.1")
TRANSFORMERS = ("torch==2.13.0", "torchvision==0.28.0", "transformers==5.24.*")  # as in the tests of parity
PEERS: dict[str, tuple[Sequence[str], ...]] = {
    "torch": (
        TORCH,
        ("ultralytics==8.4.*", "openvino>=2026.1", "faster-coco-eval"),
        ("setuptools", "wheel"),
        ("--no-deps", "--no-build-isolation", "yolox==0.3.0"),  # its setup.py imports PyTorch
    ),
    "kerashub": (("tensorflow==2.21.*", "keras-hub==0.32.*"),),
    "rfdetr": (TORCH, ("rfdetr==1.11.*",)),
    "sahi": (("sahi==0.12.*", "onnxruntime>=1.23"),),
    "transformers": ((*TRANSFORMERS, "pillow", "scipy", "openvino>=2026.1"),),
}


class NotInstalledError(RuntimeError):
    """A project cannot be installed here."""


def python_of(name: str) -> Path:
    """Return the interpreter of an environment, which is created if it is missing or has other versions.

    Raises:
        NotInstalledError: pip fails; the message is the last line that it says.
    """
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not is_installed(name):
        print(f"Installing {name} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        for packages in PEERS[name]:
            _install(python, packages)
        _stamp(name).write_text(repr(PEERS[name]))
    return python


def is_installed(name: str) -> bool:
    """Return whether an environment exists and has the versions of `PEERS`."""
    return _stamp(name).exists() and _stamp(name).read_text() == repr(PEERS[name])


def _stamp(name: str) -> Path:
    return ENVIRONMENTS / name / "installed"


def _install(python: Path, packages: Sequence[str]) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise NotInstalledError(f"cannot be installed: {last}")
