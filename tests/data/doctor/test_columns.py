import numpy as np

from detect.data.doctor.columns import deviations, images_by_class


def test_images_are_counted_once_for_each_class(dataset_of):
    first, other, last, ignored = ((label, 20 * label, 0, 20, 20) for label in range(4))
    again = (0, 100, 100, 20, 20)
    records = dataset_of(5, train=[[first, again, last], [], [last, other, ignored]]).splits["train"]
    records.ignore[:] = records.labels == 3
    assert images_by_class(records, 5).tolist() == [1, 1, 2, 0, 0]


def test_deviations_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, 100_001)
    np.testing.assert_allclose(deviations(values, 0.1), (values - 5) / 2, atol=0.05)
    assert deviations(np.array([1.0, 1, 1, 2]), 0.5).tolist() == [0, 0, 0, 2]
