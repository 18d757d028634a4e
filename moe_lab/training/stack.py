"""Many runs as one program: learners of one structure, stacked along axis R.

The runs of a stack may differ in ``SEEDS``, in the trainer's ``OWN`` numbers, and in every number that a part stores
with ``layers.hyper``, such as the weight of a regularizer. ``SHARED`` keys of the config belong to the stack as a
whole. Everything else is structure.
"""

from collections.abc import Sequence
from dataclasses import asdict

from torch import Tensor

from moe_lab.layers.stacking import stack
from moe_lab.training.learner import AnyLearner
from moe_lab.training.members import Member


class Apart(Exception):
    """Runs cannot be trained as one program. The text states the difference."""


#: keys of a config that the runs of a stack share: data, recipe and device
SHARED = ("dataset", "classes", "difficulty_from", "recipe", "device")
#: keys of a config that may differ between the runs of a stack
SEEDS = ("seed", "seed_init", "seed_order")
#: keys of the trainer that may differ between the runs of a stack
OWN = frozenset({"epochs", "lr", "weight_decay", "momentum", "schedule", "warmup_steps", "checkpoint_seconds"})


def together(members: Sequence[Member]) -> AnyLearner:
    """The learner that trains all ``members``: the learner of a single one, or all of them stacked along axis R.

    Raises Apart if they cannot be trained as one program.
    """
    if len(members) == 1:
        return members[0].learner
    shared = [{name: value for name, value in asdict(one.trainer).items() if name not in OWN} for one in members]
    for other in shared[1:]:
        if differing := sorted(name for name in other if other[name] != shared[0][name]):
            raise Apart(f"runs of one stack share trainer.{differing[0]}, and these have several")
    if not any(True for one in members for _ in one.learner.parameters()):
        raise Apart("nothing is trained here, and what is fitted has a shape of its own in every run")
    try:
        return stack([one.learner for one in members])
    except ValueError as error:
        raise Apart(str(error)) from None


def state_of_run(state: dict[str, Tensor], run: int) -> dict[str, Tensor]:
    """The part of a stack's state that belongs to run ``run``, in the form that the run alone would have."""
    return {name: tensor[run].clone() for name, tensor in state.items()}
