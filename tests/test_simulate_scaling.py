"""The time of a step on many devices, by hand."""

import pytest
from simulate_scaling import Network, bytes_sent, seconds_of_sum, table


def test_a_ring_of_four_sends_a_quarter_six_times():
    ring = Network(latency=0.5, bandwidth=1000, rings_only=True)
    assert seconds_of_sum(4000, 4, ring) == pytest.approx(6 * (0.5 + 1))
    assert bytes_sent([4000, 400], devices=4) == 6 * 1100
    assert seconds_of_sum(4000, 1, ring) == bytes_sent([4000], devices=1) == 0


def test_trees_of_eight_have_three_levels_up_and_down():
    trees = Network(latency=0.5, bandwidth=1000)
    assert seconds_of_sum(8000, 8, trees) == pytest.approx(6 * 0.5 + 14)  # of 7/8 of the data, twice
    assert seconds_of_sum(8000, 8, trees._replace(rings_only=True)) == pytest.approx(14 * 0.5 + 14)


def test_the_table_begins_with_one_device():
    one, two = table([1000], images=8, step=2.0, network=Network(latency=0.0, bandwidth=1000))[1:3]
    assert one.split() == ["1", "0.00", "2.0000", "4.0", "1.0", "100%"]
    assert two.split() == ["2", "0.00", "3.0000", "5.3", "1.3", "67%"]  # 2 exchanges of 500 bytes, a second
