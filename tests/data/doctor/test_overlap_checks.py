LARGE = (0, 100, 100, 100, 100)


def test_a_box_twice(dataset_of, found):
    nearly = (0, 103, 100, 97, 98)  # inside, with 97 % x 98 % of the area
    by_code = found(dataset_of(train=[[LARGE, nearly], [LARGE]]))
    (finding,) = by_code["boxes-twice"]
    assert finding.count == 1
    assert finding.examples[0].boxes == ((100, 100, 200, 200), (103, 100, 200, 198))
    assert "boxes-twice" not in found(dataset_of(train=[[LARGE, (0, 111, 100, 89, 100)]]))  # IoU 0.89


def test_a_box_with_two_classes(dataset_of, found):
    (finding,) = found(dataset_of(train=[[LARGE, (1, 100, 100, 100, 99)]]))["boxes-with-two-classes"]
    assert "a and b at x 100, y 100" in finding.examples[0].where


def test_ignored_boxes_may_be_there_twice(dataset_of, found):
    dataset = dataset_of(train=[[LARGE, (1, 100, 100, 100, 99)]])
    dataset.splits["train"].ignore[1] = True
    assert "boxes-with-two-classes" not in found(dataset)


def test_the_same_boxes_everywhere(dataset_of, grid, found):
    same = [grid(3)] * 4
    assert "same-boxes-everywhere" not in found(dataset_of(train=[*same, grid(3, 1), grid(4), [], [], [], [], []]))
    (finding,) = found(dataset_of(train=[*same, grid(4), grid(3)[::-1]]))["same-boxes-everywhere"]
    assert finding.count == 5
    assert finding.examples[4].image.endswith("5.png")
