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
PEERS: dict[str, tuple[Sequence[str], ...]] = {
    "torch": (
        TORCH,
        ("ultralytics==8.4.*", "pycocotools", "faster-coco-eval", "hotcoco"),
        ("setuptools", "wheel"),
        ("--no-deps", "--no-build-isolation", "yolox==0.3.0"),  # its setup.py imports PyTorch
    ),
    "kerashub": (("tensorflow==2.21.*", "keras-hub==0.32.*"),),
}


def python_of(name: str) -> Path:
    """Return the interpreter of an environment, which is created if it is missing or has other versions."""
    folder = ENVIRONMENTS / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = repr(PEERS[name])
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing {name} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        for packages in PEERS[name]:
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            subprocess.run(command, check=True)
        stamp.write_text(wanted)
    return python
