"""Importing TensorFlow for a command."""

import importlib
import sys

import pytest

from detect.cli import starting


def test_packages_are_hidden_for_a_while_unless_they_are_there_already(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.setattr(starting, "UNUSED", ("colorsys", "importlib"))
    with starting.unused_packages_hidden():
        assert sys.modules["importlib"] is importlib
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(1, 1, 1) == (0, 0, 1)
