"""Names of run folders: those that stay in the folder of all runs, and are possible on every system."""

import re

from detect.errors import BadInput

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"\\|?*]')  # on Windows, or nowhere to be wanted
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # devices of Windows


def require_name(name: str) -> None:
    """Raise `BadInput` where no run folder may have that name. Nested folders, such as `plates/first`, are allowed."""
    for part in name.split("/"):
        if fault := _fault(part):
            advice = "Give a name such as plates-2; for another folder than runs/, give --set runs=FOLDER."
            raise BadInput(f"--name: {name!r} cannot be the name of a run folder: {fault}. {advice}")


def _fault(part: str) -> str:
    """Return why no folder may have that name; an empty text for a good one."""
    if part in ("", ".", ".."):
        return "it does not stay in the folder of all runs" if part else "a part of it is empty"
    if found := _FORBIDDEN.search(part):
        return f"it has the character {found[0]!r}"
    if _RESERVED.fullmatch(part):
        return f"Windows reserves {part} for a device"
    if part[-1] in ". ":
        return "Windows drops a dot or a space at its end"
    return ""
