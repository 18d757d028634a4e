"""The reasons why parts do not fit each other, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_lab.errors import ConfigError

if TYPE_CHECKING:
    from moe_lab.parts.roles import Gate, Objective


@dataclass(frozen=True)
class Reason:
    """The reason why a part does not fit the others, and the remedies.

    lacks:     what is needed and what is found; a sentence whose subject is the part's name, such as "needs a gate with
               logits, and this one has none".
    instead:   remedies, each in the imperative: "lower k".
    gate:      checks whether another gate would fit, to find those that do among all options.
    objective: the same for another objective.
    """

    lacks: str
    instead: tuple[str, ...] = ()
    gate: "Callable[[Gate], bool] | None" = None
    objective: "Callable[[Objective], bool] | None" = None

    def text(self, *more: str) -> str:
        """The sentence with its remedies: its own, then ``more``."""
        ways = [*self.instead, *more]
        return self.lacks + (f": {', or '.join(ways)}" if ways else "")


class Unfit(ConfigError):
    """Parts that do not fit each other. The catcher can add the options that fit.

    subject:  the part, the subject of the sentence.
    reason:   the reason.
    leave:    the remedy that always works: "leave l1 out".
    """

    def __init__(self, subject: str, reason: Reason, *leave: str) -> None:
        super().__init__(f"{subject} {reason.text(*leave)}")
        self.subject = subject
        self.reason = reason
        self.leave = leave
