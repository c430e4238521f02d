import pytest


def test_classes_that_cannot_be_learned_or_scored(dataset_of, grid, found):
    dataset = dataset_of(classes=3, train=[grid(20)], val=[grid(20) + grid(1, 2, side=18)])
    train, val = found(dataset)["classes-without-boxes"]
    assert str(train).startswith("train: no boxes of b, c, which cannot be learned.")
    assert str(val).startswith("val: no boxes of b, which cannot be scored.")


def test_rare_and_frequent_classes(dataset_of, grid, found):
    by_code = found(dataset_of(train=[grid(101), grid(1, 1)]))
    assert by_code["rare-classes"][0].what == "fewer than 20 boxes of b (1)"
    (example,) = by_code["rare-classes"][0].examples
    assert example.where.startswith("b: ")
    assert example.boxes == ((0, 0, 20, 20),)
    assert by_code["imbalance"][0].what == "101 boxes of a and 1 of b"
    assert not {"rare-classes", "imbalance"} & set(found(dataset_of(train=[grid(100), grid(20, 1)])))


def test_other_shares(dataset_of, grid, found):
    train = [grid(75), grid(25, 1)]
    (finding,) = found(dataset_of(train=train, val=[grid(64), grid(36, 1)]))["other-shares"]
    assert finding.what.endswith("among the boxes differ: a (75% and 64%), b (25% and 36%)")
    assert "other-shares" not in found(dataset_of(train=train, val=[grid(66), grid(34, 1)]))
    assert "other-shares" not in found(dataset_of(train=train, val=[grid(1), grid(1, 1)]))  # too few to say


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("Car", "car"), "same-class-names"),
        (("traffic light", "traffic_light"), "same-class-names"),
        (("bus", "buses"), "same-class-names"),
        (("box", "boxes"), "same-class-names"),
        (("bicycle", "bycicle"), ""),  # two letters: not looked for
        (("helmet", "hellmet"), "similar-class-names"),
        (("person", "persom"), "similar-class-names"),
        (("car", "cat"), ""),
        (("limit 30", "limit 50"), ""),
        (("glass", "grass"), ""),
    ],
)
def test_names_that_are_almost_alike(dataset_of, grid, found, names, code):
    by_code = found(dataset_of(classes=names, train=[grid(20) + grid(20, 1, side=19)]))
    assert [one for one in by_code if one.endswith("class-names")] == [code][: bool(code)]
    if code:
        assert f"{names[0]!r}, {names[1]!r}" in by_code[code][0].what
        shown = [example.where.partition(":")[0] for example in by_code[code][0].examples]
        assert shown == [names[0]] * 6 + [names[1]] * 6


def test_numbers_as_names(dataset_of, grid, found):
    assert "numbers-as-names" in found(dataset_of(classes=("0", "class_1"), train=[grid(20) + grid(20, 1, side=19)]))
    assert "numbers-as-names" not in found(dataset_of(classes=("0", "b"), train=[grid(20) + grid(20, 1, side=19)]))
