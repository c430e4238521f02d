from detect.data.entry_cache import EntryCache


def test_entries_are_kept(tmp_path):
    path = tmp_path / "new" / "cache.sqlite"
    many = [(bytes([number // 256, number % 256]), b"entry %d" % number) for number in range(1200)]
    with EntryCache(path) as cache:
        assert cache.entries([b"a"]) == {}
        cache.add(many)
        cache.add([(b"\0\0", b"replaced")])
    with EntryCache(path) as cache:
        assert cache.entries([key for key, _ in many]) == dict(many) | {b"\0\0": b"replaced"}
        assert cache.entries([]) == {}


def test_two_may_use_it_at_once(tmp_path):
    with EntryCache(tmp_path / "cache.sqlite") as one, EntryCache(tmp_path / "cache.sqlite") as other:
        one.add([(b"a", b"1")])
        other.add([(b"b", b"2")])
        assert one.entries([b"a", b"b"]) == other.entries([b"a", b"b"]) == {b"a": b"1", b"b": b"2"}


def test_a_damaged_file_is_no_failure(tmp_path):
    (tmp_path / "cache.sqlite").write_bytes(b"not a database " * 100)
    with EntryCache(tmp_path / "cache.sqlite") as cache:
        cache.add([(b"a", b"1")])
        assert cache.entries([b"a"]) == {}
