"""The declarations of a gate for all other parts."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

#: what trains a gate: the mixture's "prediction", through the weights; an objective's own term for its "scores", if the
#: weights have no gradient; the loss of the expert that it drew ("draw"); or "nothing"
LearnsFrom = Literal["prediction", "scores", "draw", "nothing"]
Mode = Literal["training", "evaluation"]
Active = Literal["k", "learned", "batch", "mode"]
ALWAYS: frozenset[Mode] = frozenset({"training", "evaluation"})


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The traits of a gate. Checks, dispatchers, objectives and regularizers depend on them, never on a gate's name.

    rows_sum_to_one:  every row of ``weights_BE`` sums to one.
    active:           what decides how many experts a sample selects: "k", exactly k; "learned", the gate's parameters;
                      "batch", the batch-mates, by capacity or choice; "mode", training and evaluation differ.
    balanced:         in training every expert is selected by as many samples of a batch, by construction.
    k:                the k that the gate can use: "any" from 1 to E, "every" (only E), or a number: from 1 to that
                      number.
    silent:           an expert whose logit is zero has no weight.
    mixes:            rows of weights are a distribution that at least two experts share. None: if rows sum to one and
                      k is at least 2, or E is 1.
    learns_from:      what trains the gate. None: "prediction" if it has parameters, else "nothing".
    reads_experts:    it gets the outputs of all experts, so all of them run for every sample, whatever k is.
    makes_slots:      the inputs of experts are slots, mixtures of a sample's parts that the gate computes (in
                      ``extras``).
    straight_through: weights of unselected experts are zero but have a gradient, which depends on these experts.
    gives_logits:     its routing has ``logits_BE``.
    normalized:       these logits are logarithms of probabilities.
    extras:           names of the extras that its routing always has.
    still:            fields of its routing ("weights_BE", "probs_BE", "logits_BE", extras) through which no gradient
                      reaches its parameters. Without parameters these are all fields.
    needs_fitting:    it is fitted (``Gate.fit``) after every epoch.
    hashes_input:     the modes in which a fixed hash of the sample's values decides, which is meaningful only for raw
                      inputs: "training", "evaluation".
    batch_dependent:  the modes in which a row depends on its batch-mates: "training", "evaluation". Rows of its own
                      document do not count.
    looks_ahead:      in a document of several rows, such as a window of tokens, a row depends on rows after it.
    """

    rows_sum_to_one: bool
    active: Active = "k"
    balanced: bool = False
    k: Literal["any", "every"] | int = "any"
    silent: bool = False
    mixes: bool | None = None
    learns_from: LearnsFrom | None = None
    reads_experts: bool = False
    makes_slots: bool = False
    straight_through: bool = False
    gives_logits: bool = True
    normalized: bool = False
    extras: frozenset[str] = frozenset()
    still: frozenset[str] = frozenset()
    needs_fitting: bool = False
    hashes_input: Set[Mode] = frozenset()
    batch_dependent: Set[Mode] = frozenset()
    looks_ahead: bool = False

    @property
    def selects_k(self) -> bool:
        """Whether every sample selects exactly k experts."""
        return self.active == "k"

    @property
    def gives(self) -> frozenset[str]:
        """The fields of its routing that a part may require by name."""
        logits = {"logits_BE"} if self.gives_logits else set()
        return self.extras | {"weights_BE", "probs_BE"} | logits
