"""All oracles that read one history, asked together."""

from __future__ import annotations

from dataclasses import dataclass

from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from suites.oracles.as_race import judge_as_race
from suites.oracles.audit import judge_audit
from suites.oracles.faults import judge_faults
from suites.oracles.fencing import judge_fencing
from suites.oracles.guards import judge_guards
from suites.oracles.refusals import judge_refusals
from suites.oracles.repeating import judge_repetition
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.oracles.transactions import judge_transactions


@dataclass
class Judge:
    """Answers the findings against a history; none means that the contract's answer is yes."""

    serial: SerialEquivalence

    def findings(self, history: History) -> list[Finding]:
        """What is wrong with `history`. A run that diverged or was given up is judged by what is known of it."""
        found = [
            *judge_refusals(history),
            *judge_transactions(history),
            *judge_guards(history),
            *judge_fencing(history),
            *judge_audit(history),
            *judge_faults(history),
            *judge_repetition(history),
            *judge_as_race(history),
        ]
        if history.stuck or history.diverged:
            return found
        finding = self.serial.judge(history)
        return [*found, finding] if finding else found
