def test_tiny_boxes(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20, side=7) + grid(20, 1)])
    (finding,) = found(dataset)["tiny-boxes"]
    assert finding.what == "50% of the boxes are narrower than 8 pixels in images of 640 pixels"
    assert finding.count == 20
    assert finding.examples[1].boxes == ((25, 0, 32, 7),)
    assert "tiny-boxes" not in found(dataset, image_size=800)  # where they are 8.75 pixels wide
    assert found(dataset, image_size=240)["tiny-boxes"][0].count == 40  # the others are 7.5 pixels wide


def test_crowded_images(dataset_of, grid, found):
    by_code = found(dataset_of(train=[grid(101), grid(100, 1)]))
    assert by_code["crowded-images"][0].what == "1 images have more than 100 boxes"
