"""Successive halving: which trials are stopped, and when."""

import numpy as np
import pytest

from detect.advice.halving import Halving
from detect.advice.trial_runs import Result

pytest.importorskip("optuna")


def trial(*aps):
    """Return what runs a trial with these APs, until it is told to stop."""

    def run(decide):
        rungs = {}
        for step, ap in enumerate(aps, 1):
            rungs[step] = ap
            if decide(step, ap) and step < len(aps):
                return Result(10, 100, 60.0, rungs, True, np.full([1, 1], np.nan))
        return Result(10, 100, 60.0, rungs, False, np.full([21, 2], aps[-1]))

    return run


def test_what_is_worse_than_the_better_half_is_stopped():
    halving = Halving()
    assert not halving.add(trial(0.1, 0.2, 0.3, 0.4)).stopped
    assert halving.add(trial(0.05, 0.3, 0.4, 0.5)).rungs == {1: 0.05}  # worse after the first quarter
    assert halving.add(trial(0.2, 0.1, 0.4, 0.5)).rungs == {1: 0.2, 2: 0.1}  # after half of the time
    assert not halving.add(trial(0.3, 0.4, 0.5, 0.6)).stopped


def test_results_of_earlier_trials_count():
    halving = Halving()
    done = Result(10, 100, 60.0, {1: 0.1, 2: 0.2, 4: 0.4}, False, np.full([21, 2], 0.4))
    assert halving.add(lambda decide: done) is done
    assert halving.add(trial(0.05, 0.3, 0.4, 0.5)).stopped
