"""Settings to JSON and back, dotted overrides, and what is said about a name or a value that does not fit."""

from typing import Any, Literal

import pydantic
import pytest

from detect.config import Settings, build, change, description, from_json, override, to_json
from detect.errors import BadInput


class Inner(Settings):
    rate: float = 0.1
    kind: Literal["slow", "fast"] = "slow"


class Outer(Settings):
    name: str = "first"
    sizes: tuple[int, ...] = (1, 2)
    limit: int | None = None
    inner: Inner = Inner()
    optional: Inner | None = None
    extra: dict[str, float] = {}
    free: dict[str, Any] = {}


def test_json_gives_back_the_same_settings():
    settings = Outer(name="größer", sizes=(3,), inner=Inner(rate=1e-7, kind="fast"), extra={"a.b": 0.5})
    assert from_json(Outer, to_json(settings), "config.json") == settings


def test_json_text_is_indented_and_ends_with_a_line_break():
    assert to_json(Inner()) == '{\n  "rate": 0.1,\n  "kind": "slow"\n}\n'


def test_values_missing_from_json_take_their_defaults():
    assert from_json(Outer, '{"name": "x"}', "config.json") == Outer(name="x")


def test_json_that_cannot_be_read_names_the_file():
    with pytest.raises(BadInput, match=r"runs/a/config\.json is not JSON"):
        from_json(Outer, '{"name": ', "runs/a/config.json")
    with pytest.raises(BadInput, match=r"runs/a/config\.json has a number of more digits than any setting"):
        from_json(Outer, f'{{"limit": {"1" * 4400}}}', "runs/a/config.json")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"text"'])
def test_json_that_is_not_an_object_is_refused(text):
    with pytest.raises(BadInput, match=r"config\.json: expected named values, got"):
        from_json(Outer, text, "config.json")


def test_settings_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError):
        Outer().name = "second"


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("name=second", Outer(name="second")),
        ("name = spaced ", Outer(name="spaced")),
        ("name=a=b", Outer(name="a=b")),
        ("limit=3", Outer(limit=3)),
        ("limit=null", Outer(limit=None)),
        ("sizes=[4, 5]", Outer(sizes=(4, 5))),
        ("inner.rate=0.5", Outer(inner=Inner(rate=0.5))),
        ("inner.rate=1e-3", Outer(inner=Inner(rate=0.001))),
        ("inner.kind=fast", Outer(inner=Inner(kind="fast"))),
        ("inner={rate: 2.0}", Outer(inner=Inner(rate=2.0))),
        ("extra={depth: 0.33}", Outer(extra={"depth": 0.33})),
        ("extra.depth=0.33", Outer(extra={"depth": 0.33})),
        ("optional.rate=0.5", Outer(optional=Inner(rate=0.5))),
        ("free.a.b=[1]", Outer(free={"a": {"b": [1]}})),
    ],
)
def test_an_override_sets_one_value(assignment, expected):
    assert override(Outer(), [assignment]) == expected


def test_overrides_are_applied_in_order_and_leave_the_original_alone():
    settings = Outer(inner=Inner(kind="fast"))
    changed = override(settings, ["inner.rate=1", "limit=2", "inner.rate=3"])
    assert changed == Outer(limit=2, inner=Inner(rate=3, kind="fast"))
    assert settings == Outer(inner=Inner(kind="fast"))


def test_a_mapping_is_merged_into_what_is_there_and_every_other_value_replaces_it():
    settings = Outer(
        sizes=(1, 2),
        inner=Inner(rate=0.5, kind="fast"),
        optional=Inner(kind="fast"),
        extra={"depth": 1, "width": 2},
        free={"a": {"b": 1, "c": [1, 2]}, "d": 4},
    )
    changed = override(
        settings,
        [
            "sizes=[3]",
            "inner={rate: 2}",
            "optional=null",
            "extra={width: 3}",
            "free={a: {c: [3], e: {f: 5}}, d: {g: 6}}",
        ],
    )
    assert changed == Outer(
        sizes=(3,),
        inner=Inner(rate=2, kind="fast"),
        optional=None,
        extra={"depth": 1, "width": 3},
        free={"a": {"b": 1, "c": [3], "e": {"f": 5}}, "d": {"g": 6}},
    )


def test_changes_pass_as_values_not_as_text():
    changed = change(Outer(), [("inner.rate", 4e-05), ("free", {"x": 4e-05, "y": "true", "z": (1, None)})], "here")
    assert changed == Outer(inner=Inner(rate=4e-05), free={"x": 4e-05, "y": "true", "z": (1, None)})


def test_a_change_that_does_not_fit_says_who_wanted_it():
    with pytest.raises(BadInput, match=r"^recipe of model 'x': unknown setting 'inner\.rat'\. Did you mean 'rate'"):
        change(Outer(), [("inner.rat", 1)], "recipe of model 'x'")
    with pytest.raises(BadInput, match=r"^recipe of model 'x': limit: expected a valid integer"):
        change(Outer(), [("limit", "many")], "recipe of model 'x'")


def test_no_overrides_change_nothing():
    assert override(Outer(limit=1), []) == Outer(limit=1)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("name", "--set: expected key=value, got 'name'"),
        ("nmae=x", "unknown setting 'nmae'. Did you mean 'name'?"),
        ("inner.rat=1", "unknown setting 'inner.rat'. Did you mean 'rate'? Known: kind, rate"),
        ("iner.rate=1", "unknown setting 'iner'. Did you mean 'inner'?"),
        ("name.first=1", "'name' is a single value, not a group"),
        ("limit=[1", "the value of 'limit' is not readable as YAML"),
        ('limit=!!int ""', "the value of 'limit' is not readable as YAML"),
        (f"limit={'1' * 4400}", "the value of 'limit' is not readable as YAML: '111"),
        ("limit=2024-13-45", "the value of 'limit' is not readable as YAML"),
        ("limit=many", "limit: expected a valid integer, unable to parse string as an integer, got 'many'"),
        ("inner.kind=quick", "inner.kind: expected 'slow' or 'fast', got 'quick'"),
        ("inner={rat: 1}", "unknown setting 'inner.rat'. Did you mean 'rate'? Known: kind, rate"),
        ("inner=3", "inner: expected names and values, got 3"),
        ("=3", "unknown setting ''"),
        ("extra.depth.more=high", "extra.depth: expected a valid number, got {'more': 'high'}"),
        ("limit.more=1", "limit: expected a valid integer, got {'more': 1}"),
    ],
)
def test_an_override_that_does_not_fit_says_why(assignment, message):
    with pytest.raises(BadInput) as caught:
        override(Outer(), [assignment])
    assert message in str(caught.value)


def test_every_wrong_value_is_named_at_once():
    with pytest.raises(BadInput) as caught:
        build(Outer, {"limit": "many", "inner": {"rate": "high"}, "depth": 1}, "config.json")
    text = str(caught.value)
    assert text.startswith("config.json: ")
    for part in ("limit: expected", "inner.rate: expected", "unknown setting 'depth'"):
        assert part in text


def test_an_unreadable_value_reports_where_it_came_from():
    with pytest.raises(BadInput, match="line 3"):
        override(Outer(), ["nmae=1"], where="line 3")


class Described(Settings):
    rate: float = pydantic.Field(0.1, gt=0)
    """Images per second,
    at most."""
    plain: int = 0


class Derived(Described):
    rate: float = 0.5
    plain: int = 1
    """Described here only."""


def test_the_string_below_a_field_describes_it_also_where_a_subclass_changes_the_default():
    assert [description(Described, name).split() for name in ("rate", "plain")] == [
        ["Images", "per", "second,", "at", "most."],
        [],
    ]
    assert description(Derived, "rate") == description(Described, "rate")
    assert description(Derived, "plain") == "Described here only."
