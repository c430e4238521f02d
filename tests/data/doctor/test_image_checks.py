def test_images_without_boxes(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20), [], []], val=[grid(20), []])
    (finding,) = found(dataset)["images-without-boxes"]
    assert (finding.split, finding.count) == ("train", 2)
    assert finding.what == "2 of 3 images have no boxes"
    assert [example.image[-5:] for example in finding.examples] == ["1.png", "2.png"]
