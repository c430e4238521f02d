"""The generated pages of docs/ say what the code does, and the README names nothing that is not there."""

import importlib.util
import re
from pathlib import Path

import pytest

from detect.config import description
from detect.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_documents", ROOT / "tools" / "write_documents.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "page"), [("cli.md", "command_line_page"), ("settings.md", "settings_page")])
def test_a_generated_page_is_current(writer, name, page):
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == getattr(writer, page)(), "run `make docs`"


def test_the_table_of_models_has_every_model(writer):
    """Without their sizes: making all models takes a minute."""
    written = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \|", written, re.MULTILINE)
    assert listed == [name for names in writer.by_module().values() for name in names], "run `make docs`"


def test_the_table_of_checkpoints_is_current(writer):
    written = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert writer.checkpoints_table() in written, "run `make docs`"


def test_every_setting_of_a_training_run_is_described(writer):
    """Groups of settings are described by the docstring of their class."""
    missing = [
        f"{prefix}{name}"
        for prefix, kind in writer.groups(TrainingSettings, "")
        for name, field in kind.model_fields.items()
        if not (writer.is_group(field.annotation) or description(kind, name))
    ]
    assert not missing, "describe it by a string below the field, see detect/config.py"


def test_links_of_the_documents_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


def test_options_in_the_readme_exist(writer):
    known = set(re.findall(r"--[a-z][a-z-]+", writer.command_line_page()))
    for line in re.findall(r"^\s*detect .*$", README, re.MULTILINE):
        for option in re.findall(r"--[a-z][a-z-]+", line):
            assert option in known, f"README.md: {line.strip()!r} uses {option}, which no command has"


def test_settings_in_the_readme_exist(writer):
    known = set(re.findall(r"^\| `([\w.]+)` \|", writer.settings_page(), re.MULTILINE))
    for name in re.findall(r"--set '?\"?([a-z_.0-9]+)=", README):
        assert name in known or name.startswith("architecture."), f"README.md sets {name}, which is no setting"
