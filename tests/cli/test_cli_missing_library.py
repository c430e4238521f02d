"""A machine without libGL gets the command that helps, not a traceback."""

from detect.cli import main
from detect.cli.unexplained import missing_library

LIBGL = ImportError(
    "libGL.so.1: cannot open shared object file: No such file or directory",
    name="cv2",
    path="/usr/lib/python3/site-packages/cv2/cv2.abi3.so",
)


def test_opencv_without_libgl_is_explained():
    text = "\n".join(missing_library(LIBGL))
    assert "libGL.so.1" in text
    assert "pip install --force-reinstall --no-deps opencv-python-headless==" in text


def test_other_import_errors_are_not_explained_away():
    assert missing_library(ImportError("No module named 'numpy'", name="numpy")) == ()
    assert missing_library(ImportError("libcuda.so.1", name="x", path="/site-packages/tensorflow/x.so")) == ()


def test_the_command_ends_with_the_remedy(monkeypatch, capsys):
    def fail_to_load(*_args, **_options):
        raise LIBGL

    monkeypatch.setattr(main, "app", fail_to_load)
    assert main.run(["demo"]) == 1
    assert "opencv-python-headless" in capsys.readouterr().err
