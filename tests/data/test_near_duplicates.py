import numpy as np

from detect.data.near_duplicates import near_duplicates


def changed(fingerprint: np.ndarray, *bits: int) -> np.ndarray:
    """Return a fingerprint with some of its 128 bits turned over."""
    turned = np.zeros(128, np.uint8)
    turned[list(bits)] = 1
    return fingerprint ^ np.packbits(turned)


def fingerprints(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16), dtype=np.uint8)


def test_images_that_differ_in_twelve_bits_belong_together():
    first, other = fingerprints(2)
    near, far = changed(first, *range(12)), changed(first, *range(100, 113))
    assert near_duplicates(np.stack([other, first, near, far])).tolist() == [0, 1, 1, 3]


def test_groups_are_chains():
    first = fingerprints(1)[0]
    chain = [changed(first, *range(10 * number)) for number in range(4)]
    assert near_duplicates(np.stack(chain)).tolist() == [0, 0, 0, 0]
    assert near_duplicates(np.stack([chain[3], chain[0], chain[1]])).tolist() == [0, 1, 1]


def test_mirrored_and_turned_copies_belong_together():
    frequencies = [(y, total - y) for total in range(1, 16) for y in range(total + 1)][:128]  # of each bit
    place = {frequency: bit for bit, frequency in enumerate(frequencies)}
    first, other = fingerprints(2)
    mirrored = changed(first, *(bit for bit, (_, x) in enumerate(frequencies) if x % 2))
    upside_down = changed(first, *(bit for bit, (y, _) in enumerate(frequencies) if y % 2))
    bits = np.unpackbits(mirrored)
    turned = np.packbits([bits[place[x, y]] if (x, y) in place else 0 for y, x in frequencies])
    copies = [changed(copy, *range(40, 48)) for copy in (mirrored, upside_down, turned)]
    assert near_duplicates(np.stack([other, first, *copies])).tolist() == [0, 1, 1, 1, 1]


def test_images_without_a_fingerprint_are_alone():
    assert near_duplicates(np.zeros((3, 16), np.uint8)).tolist() == [0, 1, 2]


def test_no_images():
    assert near_duplicates(np.zeros((0, 16), np.uint8)).tolist() == []


def test_equal_to_comparing_all_pairs():
    random = np.random.default_rng(1)
    centres = fingerprints(40)
    all_of_them = np.stack(
        [
            changed(centres[random.integers(40)], *random.choice(128, random.integers(0, 12), replace=False))
            for _ in range(600)
        ]
    )
    bits = np.unpackbits(all_of_them, axis=1)
    near = [np.flatnonzero((bits != bits[one]).sum(axis=1) <= 12) for one in range(600)]
    expected, before = np.arange(600), None
    while expected.tolist() != before:  # each takes the lowest number of those that are near it, until nothing changes
        before = expected.tolist()
        for one in range(600):
            expected[one] = expected[near[one]].min()
    assert near_duplicates(all_of_them).tolist() == expected.tolist()
    assert 40 <= len(np.unique(expected)) < 100
