"""What `make test` runs: all parts, whatever becomes of the first, and one line of counts at the end."""

import sys

import pytest
import run_tests

FILES = {
    "first/test_outcomes.py": """
        import pytest
        def test_passes(): pass
        def test_fails(): assert 1 == 2
        @pytest.mark.skip
        def test_is_skipped(): pass
        @pytest.fixture
        def broken(): raise OSError
        def test_has_a_broken_fixture(broken): pass
    """,
    "second/test_import.py": "import no_such_module",
    "third/test_more.py": "def test_one(): pass\ndef test_two(): pass",
}


@pytest.fixture(autouse=True)
def checkout(monkeypatch, tmp_path):
    """A checkout with the tests in `FILES` and an empty folder."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("\n".join(line.removeprefix(" " * 8) for line in text.splitlines()))
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "PYTEST", (sys.executable, "-m", "pytest", "-q"))


def test_all_parts_run_and_their_counts_are_added(monkeypatch, capfd):
    monkeypatch.setattr(run_tests, "PARTS", (("first",), ("second",), ("*/test_more.py",)))
    assert run_tests.main() == 1
    assert capfd.readouterr().out.splitlines()[-1] == "3 passed, 3 failed, 1 skipped"


def test_without_a_failure_the_exit_code_is_zero(monkeypatch, capfd):
    monkeypatch.setattr(run_tests, "PARTS", (("third",),))
    assert run_tests.main() == 0
    assert capfd.readouterr().out.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"


def test_a_part_without_tests_counts_as_a_failure():
    assert run_tests.run_part(("empty",)) == (0, 1, 0)
