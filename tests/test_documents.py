"""The generated pages of docs/ are up to date, and no document names a command, setting or file that does not exist."""

import ast
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import detect
from detect.config import Settings, description
from detect.models.card import ModelCard
from detect.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "datasets" / "README.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [
    ("cli.md", "command_line_page"),
    ("settings.md", "settings_page"),
    ("datasets.md", "datasets_page"),
    ("checks.md", "checks_page"),
    ("formats.md", "formats_page"),
    ("reference/index.md", "reference_page"),
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def writer():
    return load_tool("write_documents")


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_a_generated_page_is_current(writer, name, page):
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == getattr(writer, page)(), "run `make docs`"


def test_the_table_of_models_has_every_model(writer):
    """Without their sizes: making all models takes a minute."""
    written = (DOCS / "models.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \|", written, re.MULTILINE)
    assert listed == [name for names in writer.by_module().values() for name in names], "run `make docs`"


def test_the_summaries_of_models_are_current(writer):
    written = (DOCS / "models.md").read_text(encoding="utf-8")
    outdated = [stem for stem in writer.by_module() if writer.module_summary(f"detect.models.{stem}") not in written]
    assert not outdated, "run `make docs`"


def test_the_table_of_checkpoints_is_current(writer):
    written = (DOCS / "models.md").read_text(encoding="utf-8")
    assert writer.checkpoints_table() in written, "run `make docs`"


def all_settings() -> list[type[Settings]]:
    """Every settings class of the package; the modules that may define one are imported for that."""
    for path in (ROOT / "detect").rglob("*.py"):
        if re.search(r"^class \w+\(\w*(Settings|Config|Card)\):", path.read_text(encoding="utf-8"), re.MULTILINE):
            importlib.import_module(path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."))
    kinds = [Settings]
    for kind in kinds:
        kinds += kind.__subclasses__()
    own = [kind for kind in kinds if kind.__module__.startswith("detect.") and kind is not Settings]
    return [kind for kind in own if hasattr(sys.modules[kind.__module__], kind.__name__)]  # not one made for a check


def test_every_setting_is_described(writer):
    """Groups of settings are described by the docstring of their class."""
    kinds = all_settings()
    assert {TrainingSettings, ModelCard} < set(kinds)
    missing = [
        f"{kind.__module__}.{kind.__name__}.{name}"
        for kind in kinds
        for name, field in kind.model_fields.items()
        if not (writer.is_group(field.annotation) or description(kind, name))
    ]
    assert not missing, "describe it by a string below the field, see detect/config.py"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_links_of_a_document_lead_somewhere(page):
    """Links between the pages of docs/, with their anchors, are also checked when the site is built."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"links to {target}, which does not exist"
        leaves = DOCS in page.parents and DOCS not in (page.parent / target).resolve().parents
        assert not leaves, f"links to {target}, which is not part of the site"


def test_every_page_of_docs_is_in_the_navigation_of_the_site():
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    left_out = [path for path in DOCS.rglob("*.md") if f'"{path.relative_to(DOCS).as_posix()}"' not in navigation]
    assert not left_out, "add these to zensical.toml"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_commands_in_a_document_exist_and_have_the_options_that_it_gives(writer, page):
    sections = [section.split("\n", 1) for section in writer.command_line_page().split("\n## ")[1:]]
    known = {command: set(re.findall(r"`(--[\w-]+)`", text)) for command, text in sections}
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in re.findall(r"^detect .*$", block, re.MULTILINE):
            named = [command for command in known if f"{line} ".startswith(f"{command} ")]
            assert named, f"{line!r}: there is no such command"
            command = max(named, key=len)
            given = set(re.findall(r"(--[\w-]+)", line))
            assert given <= known[command], f"{line!r}: the command has no {given - known[command]}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_settings_in_a_document_exist(writer, page):
    known = set(re.findall(r"^\| `([\w.]+)` \|", writer.settings_page(), re.MULTILINE))
    for name in re.findall(r"--set '?\"?([a-z_.0-9]+)=", page.read_text(encoding="utf-8")):
        assert name in known or name.startswith("architecture."), f"sets {name}, which is not a setting"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_python_in_a_document_can_be_compiled_and_finds_what_it_imports(page):
    for program in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for statement in ast.parse(program).body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                exec(compile(ast.Module([statement], []), name_of(page), "exec"), {})


def test_the_site_may_not_link_to_what_does_not_exist_or_load_from_another_server(tmp_path):
    page = tmp_path / "guides" / "data.html"
    page.parent.mkdir()
    page.write_text(
        '<a href="../index.html#top">here</a> <a href="https://example.com">out</a> <a href="#below">below</a>'
        '<img src="data:image/png;base64,AA=="> <a href="/guides/data.html">here</a> <a href="mailto:a@b.org">mail</a>'
        '<a href="none.html">gone</a> <img src="../gone%20too.png"> <script src="https://example.com/a.js"></script>'
    )
    (tmp_path / "index.html").touch()
    assert list(load_tool("build_site").faults_of(page, tmp_path)) == [
        "guides/data.html links to none.html, which does not exist",
        "guides/data.html links to ../gone%20too.png, which does not exist",
        "guides/data.html loads https://example.com/a.js from another server",
    ]


def test_all_files_name_the_same_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == detect.__version__
    assert f"\n## [{detect.__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_workflow_runs_parts_of_ci_that_exist():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    parts = re.findall(r"\w+", " ".join(map("".join, re.findall(r"part: \[(.+)\]|\.ci/run (\w+)", workflow))))
    cases = re.findall(r"^ +([\w |]+)\)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(parts) == set(re.findall(r"\w+", " ".join(cases)))
