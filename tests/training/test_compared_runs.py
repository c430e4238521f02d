"""What is compared: runs of one setting together, and the settings in which the others differ."""

import json

import pytest

from detect.errors import BadInput
from detect.training.compared_runs import data_of, differing_settings, groups


@pytest.fixture
def run(tmp_path):
    """Return a function that writes the folder of a run, and returns its path as text."""

    def write(name: str, **settings) -> str:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        settings = {"model": "yolox-nano", "data": "d.yaml", "seed": 0, "optimizer": {"rate": 0.1}, **settings}
        (folder / "config.json").write_text(json.dumps({**settings, "name": name}))
        return str(folder)

    return write


def test_runs_that_differ_in_their_seed_only_are_one(run):
    first, second, other = run("a"), run("b", seed=1), run("c", optimizer={"rate": 0.2})
    found = groups([first, other, second])
    assert [(each.name, each.members) for each in found] == [("a and 1 more", (first, second)), ("c", (other,))]
    assert differing_settings(found) == [("optimizer.rate", ["0.1", "0.2"])]
    assert data_of(found) == "d.yaml"


def test_the_runs_in_a_folder_of_several(run, tmp_path):
    members = [run("many/seed-0"), run("many/seed-1", seed=1)]
    summary = {"kind": "seeds", "runs": [{"name": "seed-0"}, {"name": "seed-1"}]}
    (tmp_path / "many" / "summary.json").write_text(json.dumps(summary))
    found = groups([str(tmp_path / "many"), run("c", model="other")])
    assert found[0].members == tuple(members)
    (tmp_path / "many" / "summary.json").write_text(json.dumps({**summary, "kind": "folds"}))
    with pytest.raises(BadInput, match="scored on different images each"):
        groups([str(tmp_path / "many"), run("d")])


def test_models_and_results_files_have_no_settings(run, tmp_path):
    results = tmp_path / "results.json"
    results.write_text("[]")
    found = groups([run("a"), str(results), "yolox-s-coco"])
    assert [each.is_file for each in found] == [False, True, False]
    assert differing_settings(found) == []
    with pytest.raises(BadInput, match="Give a dataset: --data"):
        data_of(found)


def test_other_datasets_are_refused_and_names_are_told_apart(run):
    found = groups([run("x/a"), run("y/a", data="other.yaml")])
    assert all(each.name.endswith(("x/a", "y/a")) for each in found)
    with pytest.raises(BadInput, match="Give a dataset: --data"):
        data_of(found)


def test_two_of_other_settings_are_necessary(run):
    first = run("a")
    with pytest.raises(BadInput, match="is given twice"):
        groups([first, first])
    with pytest.raises(BadInput, match="There is nothing to compare with"):
        groups([first, run("b", seed=1)])
