"""The methods of tracking."""

import pytest

from detect.errors import BadInput
from detect.tracking import methods


def test_known_names():
    assert [methods.find_method(name).title for name in methods.METHODS] == ["ByteTrack", "OC-SORT", "BoT-SORT"]
    assert methods.DEFAULT in methods.METHODS


def test_an_unknown_name():
    with pytest.raises(BadInput, match=r"no tracker 'byte-track'. Did you mean 'bytetrack'\? Known: botsort"):
        methods.find_method("byte-track")


def test_packages_that_are_not_installed(monkeypatch):
    monkeypatch.setattr(methods, "PACKAGES", ("no_such_package",))
    with pytest.raises(BadInput, match=r"needs no_such_package. Run: pip install 'detect-tf\[video\]'"):
        methods.find_method("bytetrack")
