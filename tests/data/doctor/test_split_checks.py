import shutil

from detect.data.doctor.split_checks import copies


def test_copies_in_two_splits_are_a_leak(dataset_of, grid, found):
    boxes = grid(25) + grid(20, 1, side=19)
    dataset = dataset_of(train=[boxes, boxes], val=[boxes])
    train, val = dataset.splits["train"].image_path(1), dataset.splits["val"].image_path(0)
    assert not {"copies", "copies-across-splits"} & set(found(dataset))
    shutil.copy(train, val)
    assert copies(dataset) == [[("train", str(train)), ("val", str(val))]]
    (finding,) = found(dataset)["copies-across-splits"]
    assert (finding.split, finding.count) == ("train, val", 1)
    assert [example.image for example in finding.examples] == [str(train), str(val)]


def test_copies_in_one_split(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20), grid(20)])
    shutil.copy(*(dataset.splits["train"].image_path(number) for number in (0, 1)))
    (finding,) = found(dataset)["copies"]
    assert (finding.split, finding.count) == ("train", 1)


def test_files_of_one_length_are_compared(dataset_of, grid):
    dataset = dataset_of(train=[grid(20), grid(20)])
    for number in (0, 1):
        path = dataset.splits["train"].image_path(number)
        path.write_bytes(bytes(100_000) + bytes([number]))
    assert copies(dataset) == []
