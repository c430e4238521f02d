"""The export doctor: find the products of a network that cost an export its AP, and keep the fewest in float32."""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from detect.artefacts.export_card import Layer
from detect.artefacts.network import Calls, Network

SEARCH_SECONDS = 600  # after which no export is written and scored any more
ALONE = 0.5  # share of this time in which products are measured alone
# Only the layers that together add this share of all error are candidates: of many others, one would seem to bring AP
# back by chance.
CANDIDATES = 0.9
MOST_KEPT = 0.25  # share of the multiply-adds of all products, and of their weights, that may be kept in float32

Score = Callable[[frozenset[str]], float]  # the AP of an export in which these products stay in float32


def layers_of(network: Network, calls: Calls) -> list[Layer]:
    """Return what each product of a network costs, those that add the most error first.

    Args:
        network: has at least one product.
        calls: inputs on which the outputs in lower precision are compared with those in float32.
    """
    sums = {name: np.zeros(4) for name in network.products}  # squared errors and variance, of input and output
    multiply_adds = dict.fromkeys(network.products, 0.0)
    for exact, found in zip(network.values(calls, None), network.values(calls, ()), strict=True):
        for name, product in network.products.items():
            (before, after), (rounded_before, rounded_after) = exact[name], found[name]
            sums[name] += *_error(before, rounded_before), *_error(after, rounded_after)
            multiply_adds[name] += after.size * product.weights / product.channels
    all_products, all_weights = sum(multiply_adds.values()), sum(each.weights for each in network.products.values())
    layers = [
        Layer(
            name=name,
            error=_share(*values[2:]),
            added=max(0.0, _share(*values[2:]) - _share(*values[:2])),
            multiply_adds=multiply_adds[name] / all_products,
            weights=network.products[name].weights / all_weights,
        )
        for name, values in sums.items()
    ]
    return sorted(layers, key=lambda layer: -layer.added)


def _error(exact: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Return the sum of squared errors, and of squared distances from the mean."""
    return float(np.square(found - exact, dtype=np.float64).sum()), float(exact.var(dtype=np.float64)) * exact.size


def _share(error: float, variance: float) -> float:
    return error / variance if variance > 0 else 0.0


def treated(
    layers: Sequence[Layer],
    score: Score,
    target: float,
    say: Callable[[str], None],
    seconds: float = SEARCH_SECONDS,
) -> list[Layer]:
    """Return the layers with the AP that the first of them bring back, and with the fewest kept that are enough.

    Each candidate is kept alone, until half of the time has passed or one is enough. Then those that bring back the
    most are kept together: one, two, four and so on until they are enough, and then the least number that is. At last,
    each of them is left out again where the others are enough. None is kept where all that `MOST_KEPT` allows are not
    enough.

    Args:
        layers: of `layers_of`.
        score: writes and scores an export.
        target: the least AP.
        say: is told how it goes.
        seconds: after which no export is scored any more.
    """
    trials = _Trials(score, target, seconds)
    count = _candidates([layer.added for layer in layers])
    say(
        f"Scoring it with each of {min(count, len(layers))} layers in float32, which add {CANDIDATES:.0%} of the error."
    )
    measured = list(_measured_alone(layers[:count], trials, ALONE * seconds))
    best_first = sorted(measured, key=lambda layer: (-(layer.AP_alone or 0.0), -layer.added))
    say("Looking for the fewest that are enough.")
    kept = _pruned(_fewest(_affordable(best_first), trials), trials)
    if not kept:
        say(f"None are enough: the best of {trials.count} exports has AP {trials.best:.4f}, not {target:.4f}.")
    return [layer.model_copy(update={"kept": layer.name in kept}) for layer in (*measured, *layers[count:])]


def _candidates(added: Sequence[float]) -> int:
    """Return how many of the largest errors, which come first, add up to `CANDIDATES` of all."""
    return 1 + int(np.searchsorted(np.cumsum(added), CANDIDATES * sum(added)))


class _Trials:
    """Exports that are scored, each once and none after a time."""

    def __init__(self, score: Score, target: float, seconds: float):
        self._score, self._target = score, target
        self._begin, self._seconds = time.monotonic(), seconds
        self._scored: dict[frozenset[str], float] = {}

    @property
    def count(self) -> int:
        """How many were scored."""
        return len(self._scored)

    @property
    def best(self) -> float:
        """The highest AP of them; 0 where none was scored."""
        return max(self._scored.values(), default=0.0)

    @property
    def passed(self) -> float:
        """Seconds since the begin."""
        return time.monotonic() - self._begin

    def score(self, kept: Iterable[str]) -> float | None:
        """Return the AP with these products in float32; None where it is too late to find out."""
        names = frozenset(kept)
        if names not in self._scored:
            if self.passed > self._seconds:
                return None
            self._scored[names] = self._score(names)
        return self._scored[names]

    def are_enough(self, kept: Iterable[str]) -> bool:
        score = self.score(kept)
        return score is not None and score >= self._target


def _measured_alone(layers: Sequence[Layer], trials: _Trials, seconds: float) -> Iterable[Layer]:
    is_found = False
    for place, layer in enumerate(layers):
        if is_found or trials.passed > seconds:
            yield from layers[place:]
            return
        score = trials.score([layer.name])
        is_found = trials.are_enough([layer.name])
        yield layer.model_copy(update={"AP_alone": score})


def _affordable(layers: Iterable[Layer]) -> list[str]:
    """Return the names of the first layers that `MOST_KEPT` allows together, without those that would exceed it."""
    names, multiply_adds, weights = list[str](), 0.0, 0.0
    for layer in layers:
        if max(multiply_adds + layer.multiply_adds, weights + layer.weights) <= MOST_KEPT:
            names.append(layer.name)
            multiply_adds, weights = multiply_adds + layer.multiply_adds, weights + layer.weights
    return names


def _fewest(names: list[str], trials: _Trials) -> list[str]:
    """Return the fewest of the first names that are enough, or none."""
    short = 0
    for enough in sorted({2**power for power in range(len(names).bit_length())} | {len(names)}):
        if trials.are_enough(names[:enough]):
            break
        short = enough
    else:
        return []
    while enough - short > 1:
        middle = (short + enough) // 2
        if trials.are_enough(names[:middle]):
            enough = middle
        else:
            short = middle
    return names[:enough]


def _pruned(names: list[str], trials: _Trials) -> list[str]:
    """Return the names without those that are not needed."""
    for name in names[:-1]:
        others = [other for other in names if other != name]
        names = others if trials.are_enough(others) else names
    return names
