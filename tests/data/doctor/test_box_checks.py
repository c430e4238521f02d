import pytest


def test_tiny_boxes(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20, side=7) + grid(20, 1)])
    (finding,) = found(dataset)["tiny-boxes"]
    assert finding.what == "50% of the boxes are narrower than 8 pixels in images of 640 pixels"
    assert finding.count == 20
    assert finding.examples[1].boxes == ((25, 0, 32, 7),)
    assert "tiny-boxes" not in found(dataset, image_size=800)  # where they are 8.75 pixels wide
    assert found(dataset, image_size=240)["tiny-boxes"][0].count == 40  # the others are 7.5 pixels wide


def test_crowded_images(dataset_of, grid, found):
    (finding,) = found(dataset_of(train=[grid(101), grid(100, 1)]))["crowded-images"]
    assert finding.what == "images with more than 100 boxes: 1"


def test_boxes_of_whole_images(dataset_of, grid, found):
    whole = (0, 5, 5, 630, 470)  # 96 % of 640 x 480
    (finding,) = found(dataset_of(train=[[whole], [whole], grid(1)]))["whole-images"]
    assert finding.what == "boxes that cover 95% of their image or more: 2 of 3"
    assert "whole-images" not in found(dataset_of(train=[[whole], grid(1)]))


def test_ignored_boxes(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(4)])
    dataset.splits["train"].ignore[:2] = True
    assert "ignored-boxes" not in found(dataset)
    dataset.splits["train"].ignore[:3] = True
    assert found(dataset)["ignored-boxes"][0].count == 3


@pytest.mark.parametrize(
    ("code", "box"),
    [("unusual-sizes", (0, 300, 300, 100, 100)), ("unusual-shapes", (0, 300, 300, 100, 4))],
)
def test_unusual_boxes(dataset_of, grid, found, code, box):
    usual = [*grid(40), (0, 400, 100, 60, 60), (0, 400, 200, 24, 16)]
    assert not {"unusual-sizes", "unusual-shapes"} & set(found(dataset_of(train=[usual])))
    by_code = found(dataset_of(train=[[*usual, box]]))
    (finding,) = by_code[code]
    assert (finding.count, finding.examples[0].boxes) == (1, ((300, 300, 400, 300 + box[4]),))
    assert code not in found(dataset_of(train=[[*usual[:20], box]]))  # of few boxes, none is unusual


def test_unusual_counts(dataset_of, grid, found):
    usual = [grid(1)] * 20 + [grid(3)] * 10
    assert "unusual-counts" not in found(dataset_of(train=[*usual, grid(30)]))
    (finding,) = found(dataset_of(train=[*usual, grid(90)]))["unusual-counts"]
    assert [example.image[-6:] for example in finding.examples] == ["30.png"]
