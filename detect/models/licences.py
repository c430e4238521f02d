"""The licences of what a trained model is made of, and which of them are permissive. This does not need TensorFlow."""

from typing import Literal, cast, get_args

from detect.config import Settings
from detect.errors import BadInput

NONE, UNKNOWN, OWN = "none", "unknown", "own"
AND = " + "  # between the licences of several things that became one
Policy = Literal["any", "permissive"]
# Identifiers of SPDX (https://spdx.org/licenses/) of licences for any use that ask for no more than naming the authors.
PERMISSIVE = (
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"),
    *("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "ODC-By-1.0", "PDDL-1.0", "Unlicense"),
    "Zlib",
)
_WAYS_ON = {
    "data": "State that of your dataset with --set data_licence=CC-BY-4.0, or data_licence=own if it is yours.",
    "weights": "Start from other weights, or from --weights none.",
    "backbone": "Start from other weights, or from --weights none.",
    "teacher": "Take another teacher.",
}


class Licences(Settings):
    """The licences of what a model is made of: `none` where there is no such part, `unknown` where nobody has said."""

    code: str = "Apache-2.0"
    """Of this toolkit."""
    weights: str = UNKNOWN
    """Of the trained detector that training started from, with those of what that was made of."""
    backbone: str = UNKNOWN
    """Of the trained backbone that training started from."""
    teacher: str = UNKNOWN
    """Of the model whose detections were learnt from."""
    data: str = UNKNOWN
    """Of the dataset; own: it belongs to who trained the model."""

    def parts(self) -> dict[str, str]:
        """Return the licences of all parts that there are, by name."""
        return {name: licence for name, licence in self.model_dump().items() if licence != NONE}

    def descent(self) -> str:
        """Return the licences of all parts but the code, as those of weights that another model starts from."""
        found = [licence for name, licence in self.parts().items() if name != "code"]
        return AND.join(dict.fromkeys(AND.join(found).split(AND))) if found else NONE

    def __str__(self) -> str:
        return ", ".join(f"{name} {licence}" for name, licence in self.parts().items())


def require_policy(name: str) -> Policy:
    """Return the policy of that name; BadInput where there is none."""
    if name not in get_args(Policy):
        raise BadInput(f"--licence-policy: expected {' or '.join(get_args(Policy))}, got {name!r}.")
    return cast(Policy, name)


def require_permitted(licences: Licences, policy: Policy) -> None:
    """Raise `BadInput` where the policy does not permit the licence of a part; it names all of these."""
    refused = {} if policy == "any" else {name: text for name, text in licences.parts().items() if not permits(text)}
    if not refused:
        return
    reasons = [f"{name}: {_reason(licence)}. {_WAYS_ON.get(name, '')}".rstrip() for name, licence in refused.items()]
    raise BadInput(f"--licence-policy permissive refuses this model. {' '.join(reasons)}")


def permits(licences: str) -> bool:
    """Return whether all of these licences are permissive. What the weights were trained on is not looked at."""
    known = {name.lower() for name in (*PERMISSIVE, OWN, NONE)}
    names = (licence.partition(";")[0].strip() for licence in licences.split(AND))
    return all(name.lower().replace(" ", "-") in known for name in names)


def _reason(licence: str) -> str:
    return "its licence is not known" if licence == UNKNOWN else f"{licence} is not permissive"
