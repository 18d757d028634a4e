"""Why parts do not fit each other, as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_lab.errors import ConfigError

if TYPE_CHECKING:
    from moe_lab.parts.roles import Gate, Objective


@dataclass(frozen=True)
class Reason:
    """Why a part does not fit the others, and what to take instead.

    lacks:     what is needed and what is there in its place; a sentence of which the part's name is the subject, such
               as "needs a gate with logits, and this one has none".
    instead:   what mends it, each in the imperative: "lower k".
    gate:      whether another gate would do. Gates that do are found among all options by asking this.
    objective: whether another objective would do; found in the same way.
    """

    lacks: str
    instead: tuple[str, ...] = ()
    gate: "Callable[[Gate], bool] | None" = None
    objective: "Callable[[Objective], bool] | None" = None

    def text(self, *more: str) -> str:
        """The sentence, with what mends it: its own words, then ``more``."""
        ways = [*self.instead, *more]
        return self.lacks + (f": {', or '.join(ways)}" if ways else "")


class Unfit(ConfigError):
    """Parts that do not fit each other. Whoever knows all options can name those that fit.

    subject:  the part, with which the sentence begins.
    reason:   why.
    leave:    what mends it in any case: "leave l1 out".
    """

    def __init__(self, subject: str, reason: Reason, *leave: str) -> None:
        super().__init__(f"{subject} {reason.text(*leave)}")
        self.subject = subject
        self.reason = reason
        self.leave = leave
