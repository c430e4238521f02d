"""Make `import cv2` work in this environment: keep OpenCV's full build if it loads, else install the headless one.

    python tools/choose_opencv.py

The full build needs libGL, which servers and slim containers lack. Both builds install into the same folder, `cv2`, so
the one that was installed last is imported. Reinstalling the headless build replaces the files of the other, and pip
still finds both packages that the project requires.
"""

import subprocess
import sys
from importlib import metadata


def main() -> int:
    error = load_error()
    if not error:
        return 0
    print(f"OpenCV does not load on this machine ({error}). Installing its headless build instead.")
    command = [*install_headless_command(), "--quiet", "--disable-pip-version-check"]
    if subprocess.run(command, check=False).returncode:
        print(f"The headless build could not be installed. To try again: {' '.join(install_headless_command())}")
        return 1
    error = load_error()
    if error:
        print(f"OpenCV's headless build does not load either: {error}")
        return 1
    return 0


def load_error() -> str:
    """Import cv2 in a process of its own; return the last line of the error, or an empty text if it loads."""
    done = subprocess.run([sys.executable, "-c", "import cv2"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rsplit("\n", 1)[-1] if done.returncode else ""


def install_headless_command() -> list[str]:
    wanted = f"opencv-python-headless=={metadata.version('opencv-python-headless')}"
    return [sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps", wanted]


if __name__ == "__main__":
    sys.exit(main())
