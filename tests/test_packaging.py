"""Wheel and sdist contain the package and nothing else, and the wheel can be used where nothing else is installed."""

import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from index_readme import for_index

import detect

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGE = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "detect").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
# What describes a distribution. `.gitignore` is added by the builder, so that the sdist can be built from again.
OF_SDIST = {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "tools/index_readme.py"}
OF_WHEEL = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with wheel and sdist, built from the checkout."""
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """An environment that contains the wheel and no other package."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", folder, "install", *options, the_only(built, "*.whl"))
    return folder


def build(source: Path, target: Path) -> Path:
    """Build in this environment: pip would download hatchling into one of its own."""
    run(sys.executable, "-m", "hatchling", "build", "--directory", target, cwd=source)
    return target


def run(*words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def the_only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def files_of_wheel(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(the_only(folder, "*.whl")) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_the_wheel_contains_the_package_and_nothing_else(built):
    described = {f"detect_tf-{detect.__version__}.dist-info/{name}" for name in OF_WHEEL}
    assert set(files_of_wheel(built)) == PACKAGE | described
    assert "detect/py.typed" in PACKAGE


def test_the_sdist_contains_the_package_and_what_builds_it(built):
    with tarfile.open(the_only(built, "*.tar.gz")) as sdist:
        names = {Path(name).relative_to(f"detect_tf-{detect.__version__}").as_posix() for name in sdist.getnames()}
    assert names == PACKAGE | OF_SDIST


README = """# detect

![cells](docs/cells.jpg)

*Cells, found by
the model.*

See [the guide](docs/guide.md), [another project](https://example.com/a.md) and [below](#below).
"""


def test_links_into_the_repository_are_left_out_where_it_has_no_address():
    rest = "[another project](https://example.com/a.md) and [below](#below)."
    assert for_index(README, None) == f"# detect\n\n\nSee the guide, {rest}\n"


def test_links_into_the_repository_are_absolute_where_it_has_an_address():
    text = for_index(README, "https://example.com/detect")
    assert "![cells](https://example.com/detect/raw/main/docs/cells.jpg)\n\n*Cells, found by\nthe model.*" in text
    assert "[the guide](https://example.com/detect/blob/main/docs/guide.md)" in text
    assert "[another project](https://example.com/a.md) and [below](#below)" in text


def test_an_index_can_follow_all_links_of_the_description(built):
    metadata = files_of_wheel(built)[f"detect_tf-{detect.__version__}.dist-info/METADATA"].decode()
    assert "\nAuthor: The detect developers\n" in metadata
    assert "\nDescription-Content-Type: text/markdown\n" in metadata
    assert "# detect" in metadata
    assert not re.findall(r"\]\((?!https?:|#)[^)]*\)", metadata)


def test_a_wheel_built_from_the_sdist_is_the_same(built, tmp_path):
    with tarfile.open(the_only(built, "*.tar.gz")) as sdist:
        sdist.extractall(tmp_path, filter="data")
    again = build(tmp_path / f"detect_tf-{detect.__version__}", tmp_path / "again")
    assert files_of_wheel(again) == files_of_wheel(built)


def test_the_installed_package_can_be_imported_without_other_packages(installed):
    code = "import detect; print(detect.__version__, detect.__file__)"
    version, file = run(installed / "bin" / "python", "-I", "-c", code).split()
    assert version == detect.__version__
    assert installed in Path(file).parents
    assert Path(file).with_name("py.typed").is_file()


def test_the_list_of_what_prediction_needs_is_found_where_the_guide_says(installed):
    guide = (ROOT / "docs" / "guides" / "installing.md").read_text(encoding="utf-8")
    ((code, name),) = re.findall(r"""-r "\$\(python -c '(.*)'\)/(.*)"$""", guide, re.MULTILINE)
    listed = Path(run(installed / "bin" / "python", "-I", "-c", code).strip(), name)
    assert installed in listed.parents
    assert "numpy>=" in listed.read_text(encoding="utf-8")


def test_the_installed_command_is_that_of_the_package(installed):
    """It needs other packages to run, so only what it would call is looked at."""
    code = "from importlib.metadata import entry_points as found; print(found(group='console_scripts')['detect'].value)"
    assert run(installed / "bin" / "python", "-I", "-c", code).strip() == "detect.cli.main:main"
    assert (installed / "bin" / "detect").is_file()
