def test_classes_that_cannot_be_learned_or_scored(dataset_of, grid, found):
    dataset = dataset_of(classes=3, train=[grid(20)], val=[grid(20) + grid(1, 2, side=18)])
    train, val = found(dataset)["classes-without-boxes"]
    assert str(train).startswith("train: no boxes of b, c, which cannot be learned.")
    assert str(val).startswith("val: no boxes of b, which cannot be scored.")


def test_rare_and_frequent_classes(dataset_of, grid, found):
    by_code = found(dataset_of(train=[grid(101), grid(1, 1)]))
    assert by_code["rare-classes"][0].what == "fewer than 20 boxes of b (1)"
    assert by_code["imbalance"][0].what == "101 boxes of a and 1 of b"
    assert not {"rare-classes", "imbalance"} & set(found(dataset_of(train=[grid(100), grid(20, 1)])))
