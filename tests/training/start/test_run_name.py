"""Names that run folders may have: they stay in the folder of all runs, on every system."""

import pytest

from detect.errors import BadInput
from detect.training.start.run_name import require_name


@pytest.mark.parametrize("name", ["plates", "plates-2", "a.b", "groß", "plates/first", "console", "com10", "...x"])
def test_good_names(name):
    require_name(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../../evil", "does not stay in the folder of all runs"),
        ("a/../../evil", "does not stay"),
        (".", "does not stay"),
        ("/tmp/evil", "a part of it is empty"),
        ("", "a part of it is empty"),
        ("a//b", "a part of it is empty"),
        ("..\\evil", "it has the character"),
        ("C:evil", "it has the character ':'"),
        ("a\nb", r"it has the character '\\n'"),
        ("\x1b[2J", r"it has the character '\\x1b'"),
        ("CON", "Windows reserves CON"),
        ("plates/nul.txt", r"Windows reserves nul\.txt"),
        ("lpt1", "Windows reserves lpt1"),
        ("plates.", "Windows drops a dot"),
        ("plates ", "Windows drops a dot or a space"),
    ],
)
def test_other_names_are_refused(name, fault):
    with pytest.raises(BadInput, match=f"^--name: .* cannot be the name of a run folder: .*{fault}"):
        require_name(name)
