import os


def test_unlisted_images(dataset_of, grid, found, tmp_path):
    dataset = dataset_of(train=[grid(1), grid(1)], val=[grid(1)])
    assert "unlisted-images" not in found(dataset)
    for name in ("other.jpg", "notes.txt", ".hidden.jpg"):
        (tmp_path / "val" / name).write_bytes(b"")
    (finding,) = found(dataset)["unlisted-images"]
    assert (finding.split, finding.count) == ("train, val", 1)
    assert [example.image for example in finding.examples] == [os.path.realpath(tmp_path / "val" / "other.jpg")]


def test_a_folder_with_two_names_is_one(dataset_of, grid, found, tmp_path):
    dataset = dataset_of(names=["a.png", "b.png"], train=[grid(1)], val=[grid(1)])
    (tmp_path / "val" / "b.png").rename(tmp_path / "train" / "b.png")
    (tmp_path / "val").rmdir()
    (tmp_path / "val").symlink_to(tmp_path / "train")
    assert "unlisted-images" not in found(dataset)
