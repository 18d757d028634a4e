"""The checks across parts: which fit each other, and by which rule a gate's experts are combined."""

from moe_lab.config.build import class_of
from moe_lab.errors import ConfigError, TaskError
from moe_lab.layers.stacking import buffers_named
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import Combine, Config, Gate, Objective, Regularizer
from moe_lab.parts.sizes import Sizes
from moe_lab.tasks import TARGETS

#: words that fit a task
FITTING = {
    "classification": "experts=mlp objective=mixture",
    "regression": "experts=gaussian objective=mixture_density",
}


def combine_rule(gate: Gate) -> Combine:
    """The rule that a gate's config names, or else the one that fits it.

    Probabilities where rows of weights sum to one over at least two experts; logits for k = 1 and all others.
    Densities are mixed as probabilities are, and have no logits.
    Raises ConfigError where probabilities are asked for and do not fit, and for densities where they do not fit.
    """
    if gate.sizes.task == "regression":
        return _rule_of_densities(gate)
    fits = gate.mixes and gate.sizes.experts > 1
    if gate.combine == "probabilities" and not fits:
        reason = f"k={gate.sizes.k}" if gate.traits.rows_sum_to_one else "weights that do not sum to one"
        raise ConfigError(
            f"gate.combine=probabilities does not fit {reason}: the gate could not learn from it; "
            "leave gate.combine null, or take logits"
        )
    return gate.combine or ("probabilities" if fits else "logits")


def _rule_of_densities(gate: Gate) -> Combine:
    """Only a mixture whose weights sum to one is a density. And a gate of k = 1 could not learn through the weights:
    with p of the softmax over all, the loss is -log p_e - log N_e(y), whose gradient for the gate is the same whether
    its choice is right or wrong; a weight that is always one has none."""
    if gate.combine == "logits":
        raise ConfigError("gate.combine=logits does not fit densities, which have no logits: leave gate.combine null")
    if not gate.traits.rows_sum_to_one or (gate.learns_from == "prediction" and not gate.mixes):
        reason = "with k=1 " if gate.sizes.k == 1 else ""
        raise ConfigError(
            "a mixture of densities needs weights that sum to one and that the gate can learn from, and this gate "
            f"{reason}does not give them: take gate=softmax, or gate=top_k with k of at least 2"
        )
    return "probabilities"


def check(
    gate: Gate, objective: Objective, regularizers: dict[str, Regularizer], controllers: dict[str, Controller]
) -> None:
    """Raise ConfigError where a part's declared demands are not met by the others."""
    if reason := refusal(gate, objective):
        raise ConfigError(f"objective {_name(objective)} {reason}")
    for role, parts in (("regularizer", regularizers), ("controller", controllers)):
        for name, part in parts.items():
            if reason := lack(part, gate):
                raise ConfigError(f"{role} {name} {reason}, or leave {name} out")


def refusal(gate: Gate, objective: Objective) -> str | None:
    """Why an objective cannot train a gate, as the end of a sentence; None where it can. A gate of one expert has
    nothing to learn, so every objective can that finds what it reads."""
    alone = gate.sizes.experts == 1
    if not alone and gate.learns_from not in objective.teaches:
        way = sorted(objective.teaches)[-1]
        reason = f"does not fit this gate, which {_LEARNS[gate.learns_from]}"
        return f"{reason}: take {_OBJECTIVES[gate.learns_from]}, or {_GATES[way]}"
    # with k = 1 the weight is always one: a distribution, but none that could teach the gate
    is_one = gate.traits.rows_sum_to_one and gate.learns_from == "nothing"
    if objective.needs_distribution and not gate.mixes and not is_one:
        reason = (
            f"k={gate.sizes.k}" if gate.traits.rows_sum_to_one else "weights that do not sum to one for every sample"
        )
        return f"needs a distribution over at least two experts, and this gate has {reason}: take another of the two"
    if objective.largest_k and gate.sizes.k > objective.largest_k:
        return (
            f"takes at most {objective.largest_k} expert a sample, and k={gate.sizes.k}: take k={objective.largest_k}"
        )
    if objective.teaches & {"scores", "draw"} and not gate.traits.gives_logits:
        return "needs a gate with logits, and this one has none: take objective=mixture"
    missing = sorted(objective.needs_extras - gate.traits.extras)
    if missing and not alone:
        return f"needs a gate that gives {missing[0]}, and this one does not: take {_GIVES[missing[0]]}"
    return None


#: what teaches a gate -> what that says of the gate, gates of that kind, and objectives that fit; extra -> its gate
_LEARNS = {
    "prediction": "learns from the mixture's prediction",
    "scores": "has weights without gradient",
    "draw": "draws its expert",
    "nothing": "has nothing to learn",
}
_GATES = {
    "prediction": "gate=softmax",
    "scores": "gate=matching_pursuit or gate=expert_loss",
    "draw": "gate=stochastic",
    "nothing": "gate=loudest or gate=uniform",
}
_GIVES = {"expert_entropy_BE": "gate=loudest"}
_OBJECTIVES = {
    "prediction": "objective=mixture",
    "scores": "objective=matching_pursuit or objective=expert_loss",
    "draw": "objective=stochastic",
    "nothing": "objective=mixture",
}


def check_task(config: Config, sizes: Sizes) -> None:
    """Raise ConfigError where the data set's targets are not what a part of the config is for."""
    parts = {role: config[role] for role in ("experts", "objective", "baseline", "gate")}
    parts |= {f"regularizer {name}": node for name, node in config.get("regularizers", {}).items()}
    fitting = FITTING[sizes.task]
    remedies = {"experts": fitting, "objective": fitting, "baseline": "baseline=single", "gate": "gate=softmax"}
    for role, node in parts.items():
        cls = class_of(node)
        if cls.task not in (None, sizes.task):
            raise TaskError(
                f"{role} {cls.__name__} is for {TARGETS[cls.task]}, and this data set's targets are "
                f"{TARGETS[sizes.task]}: take {remedies.get(role, 'another, or leave it out')}"
            )


def _name(part: object) -> str:
    return type(part).__name__


#: extra -> a gate that gives it
_GIVEN_BY = {"load_probs_BE": "noisy_top_k", "l0_BE": "hard_concrete", "selector_entropy": "dselect_k"}


def lack(part: Regularizer | Controller, gate: Gate) -> str | None:
    """Why a part cannot act on a gate, as "needs ...: what to do instead"; None where it can."""
    sizes = gate.sizes
    if part.least_experts > sizes.experts:
        return f"needs at least {part.least_experts} experts, and there is {sizes.experts}: raise experts.count"
    specific = _lacks_extras(part, gate) if isinstance(part, Regularizer) else _lacks_steering(part, gate)
    misfit = part.misfit(gate)
    return specific or (f"needs {misfit}" if misfit else None)


def _lacks_extras(regularizer: Regularizer, gate: Gate) -> str | None:
    missing = sorted(regularizer.needs_extras - gate.traits.extras)
    if not missing:
        return None
    such_as = ", such as ".join(["take another gate", *(_GIVEN_BY[name] for name in missing[:1] if name in _GIVEN_BY)])
    return f"needs a gate that gives {', '.join(missing)}, and this one does not: {such_as}"


def _lacks_steering(controller: Controller, gate: Gate) -> str | None:
    if controller.least_k > gate.sizes.k:
        return f"needs at least {controller.least_k} experts a sample, and k={gate.sizes.k}: raise k"
    if controller.steers and not buffers_named(gate, controller.steers):
        moved = controller.steers.rpartition("_")[0].replace("_", " ")
        return f"needs a gate with a {moved} to move, and this one has none: take another gate"
    return None
