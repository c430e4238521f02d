"""Successive halving of trials: those that are not among the better half so far are stopped early.

Li et al., A System for Massively Parallel Hyperparameter Tuning (ASHA, arXiv 1810.05934), algorithm 2, with a reduction
factor of 2, as Optuna's `SuccessiveHalvingPruner` has it. The trials come one after the other, and the first is the one
that others must surpass.
"""

from collections.abc import Callable
from typing import Any

from detect.advice.trial_runs import Decision, Result


class Halving:
    """A study of Optuna to which trials are added."""

    def __init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        self.study: Any = optuna.create_study(direction="maximize", pruner=pruner)

    def add(self, run: Callable[[Decision], Result]) -> Result:
        """Return the result of a trial, and compare later ones with it.

        Args:
            run: runs the trial, or reads the result of one that was made before, in which nothing is left to decide.
        """
        from optuna.trial import TrialState

        trial, reported = self.study.ask(), set()

        def decide(step: int, ap: float) -> bool:
            reported.add(step)
            trial.report(ap, step)
            return bool(trial.should_prune())  # which also makes it one that others are compared with

        result = run(decide)
        for step in sorted(result.rungs.keys() - reported):
            decide(step, result.rungs[step])
        if result.stopped:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, result.average_precision)
        return result
