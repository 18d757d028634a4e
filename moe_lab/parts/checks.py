"""Checks across parts: whether they fit each other, and the rule by which a gate's experts are combined."""

from moe_lab.config.build import class_of
from moe_lab.errors import ConfigError, TaskError
from moe_lab.layers.stacking import buffers_named
from moe_lab.parts.controller import Controller
from moe_lab.parts.reasons import Reason, Unfit
from moe_lab.parts.roles import Combine, Config, Gate, Objective, Regularizer
from moe_lab.parts.sizes import Sizes
from moe_lab.parts.traits import Traits
from moe_lab.tasks import TARGETS

#: role -> a remedy for parts of the wrong task
FITTING = {
    "classification": "experts=mlp objective=mixture",
    "regression": "experts=gaussian objective=mixture_density",
}


def combine_rule(gate: Gate) -> Combine:
    """The combination rule in a gate's config, or else the one that fits the gate.

    Probabilities if rows of weights sum to one over at least two experts; logits for k = 1 and all others. Densities
    are mixed as probabilities, and have no logits. Raises ConfigError if probabilities are requested but do not fit,
    and for densities that cannot be mixed.
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
    if gate.combine == "logits":
        raise ConfigError("gate.combine=logits does not fit densities, which have no logits: leave gate.combine null")
    if not mixes_densities(gate):
        where = "with k=1 " if gate.sizes.k == 1 else ""
        lacks = f"needs weights that sum to one and train the gate, and this gate {where}does not give them"
        raise Unfit("a mixture of densities", Reason(lacks, ("take k of at least 2",), gate=_learns_densities))
    return "probabilities"


def mixes_densities(gate: Gate) -> bool:
    """Whether a mixture of densities can be trained with this gate.

    Only a mixture whose weights sum to one is a density. A gate of k = 1 cannot learn through the weights: with p of
    the softmax over all experts, the loss is -log p_e - log N_e(y), whose gradient for the gate does not depend on
    whether its choice is right; and a weight that is always one has no gradient.
    """
    return gate.traits.rows_sum_to_one and (gate.learns_from != "prediction" or gate.mixes)


def _learns_densities(gate: Gate) -> bool:
    return gate.learns_from == "prediction" and gate.mixes


def check(
    gate: Gate, objective: Objective, regularizers: dict[str, Regularizer], controllers: dict[str, Controller]
) -> None:
    """Raise Unfit if the parts do not meet each other's declared requirements."""
    if reason := refusal(gate, objective):
        raise Unfit(f"objective {_name(objective)}", reason)
    for role, parts in (("regularizer", regularizers), ("controller", controllers)):
        for name, part in parts.items():
            if reason := lack(part, gate):
                raise Unfit(f"{role} {name}", reason, f"leave {name} out")


def refusal(gate: Gate, objective: Objective) -> Reason | None:
    """The reason why an objective cannot train a gate; None if it can.

    A gate of one expert has nothing to learn, so it fits every objective whose inputs exist.
    """
    reason = _not_taught(gate, objective) or _not_readable(gate, objective)
    return reason and Reason(
        reason.lacks,
        reason.instead,
        gate=lambda other: refusal(other, objective) is None,
        objective=lambda other: refusal(gate, other) is None,
    )


#: what trains a gate -> a clause about the gate
_LEARNS = {
    "prediction": "learns from the mixture's prediction",
    "scores": "has weights without gradient",
    "draw": "draws its expert",
    "nothing": "has nothing to learn",
}


def _not_taught(gate: Gate, objective: Objective) -> Reason | None:
    if gate.sizes.experts > 1 and gate.learns_from not in objective.teaches:
        return Reason(f"does not fit this gate, which {_LEARNS[gate.learns_from]}")
    # with k = 1 the weight is always one: a distribution, but it cannot train the gate
    is_one = gate.traits.rows_sum_to_one and gate.learns_from == "nothing"
    if objective.needs_distribution and not gate.mixes and not is_one:
        has = f"k={gate.sizes.k}" if gate.traits.rows_sum_to_one else "weights that do not sum to one for every sample"
        return Reason(f"needs a distribution over at least two experts, and this gate has {has}")
    return None


def _not_readable(gate: Gate, objective: Objective) -> Reason | None:
    if objective.largest_k and gate.sizes.k > objective.largest_k:
        most = objective.largest_k
        return Reason(f"takes at most {most} expert per sample, and k={gate.sizes.k}", (f"take k={most}",))
    if objective.teaches & {"scores", "draw"} and not gate.traits.gives_logits:
        return Reason("needs a gate with logits, and this one has none")
    missing = sorted(objective.needs_extras - gate.traits.extras)
    if missing and gate.sizes.experts > 1:
        return Reason(f"needs a gate that gives {missing[0]}, and this one does not")
    return None


def chosen_k(config: Config) -> int:
    """The config's k, else the gate's, else E. Raises ConfigError if there are fewer experts."""
    family = class_of(config["experts"])
    experts = family.offered(config["experts"])
    k = config["k"] or config["gate"].get("k") or experts
    if k > experts:
        where = f"k={k}" if config["k"] else f"the gate's k={k}"
        there = "experts.count=" if experts == config["experts"]["count"] else ""
        raise ConfigError(f"{where} selects more experts than there are: take k of at most {there}{experts}")
    return k


def check_k(gate: Gate) -> None:
    """Raise ConfigError if the gate cannot use its k, or has no traits to say which it can."""
    if not isinstance(gate.traits, Traits):
        raise ConfigError(
            f"gate {type(gate).__module__}.{_name(gate)} has no traits: write `traits = Traits(rows_sum_to_one=True)` "
            "in its class, or False if its rows of weights do not sum to one"
        )
    if gate.sizes.k not in gate.usable_k:
        raise ConfigError(f"this gate cannot use k={gate.sizes.k}: take {_values(gate.usable_k)}")


def _values(values: range) -> str:
    return f"k={values[0]}" if len(values) == 1 else f"k from {values[0]} to {values[-1]}"


def check_predicting(config: Config) -> None:
    """Raise ConfigError if the experts cannot be a mixture by themselves, because they predict nothing."""
    experts = class_of(config["experts"])
    if not experts.predicts:
        raise ConfigError(
            f"experts {experts.__name__} output values, not predictions: they are for mixture layers inside a network; "
            "take experts=mlp, or network=vision_transformer or mlp"
        )


def check_task(config: Config, sizes: Sizes) -> None:
    """Raise ConfigError if a part of the config is not for the data set's kind of target."""
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


def lack(part: Regularizer | Controller, gate: Gate) -> Reason | None:
    """The reason why a part cannot act on a gate; None if it can."""
    sizes = gate.sizes
    if part.least_experts > sizes.experts:
        lacks = f"needs at least {part.least_experts} experts, and there is {sizes.experts}"
        return Reason(lacks, ("raise experts.count",))
    if isinstance(part, Regularizer):
        reason = _missing(part, gate) or part.misfit(gate) or _still(part, gate)
    else:
        reason = part.misfit(gate) or _unsteered(part, gate)
    return reason and Reason(reason.lacks, reason.instead, gate=lambda other: lack(part, other) is None)


#: field of a routing -> its name in messages
_FIELDS = {"logits_BE": "logits", "weights_BE": "weights", "probs_BE": "probabilities"}


def _missing(regularizer: Regularizer, gate: Gate) -> Reason | None:
    missing = sorted(regularizer.reads - gate.traits.gives)
    return Reason(f"needs a gate that gives {_called(missing)}, and this one does not") if missing else None


def _still(regularizer: Regularizer, gate: Gate) -> Reason | None:
    """The reason if it has no effect: no gradient flows through its fields, and it does nothing after a step."""
    moves = regularizer.needs_every_expert or type(regularizer).after_step is not Regularizer.after_step
    if regularizer.reads and not moves and not regularizer.reads & gate.moved:
        called = _called(sorted(regularizer.reads))
        return Reason(f"would have no effect: it acts on the gate's {called}, through which this gate learns nothing")
    return None


def _called(fields: list[str]) -> str:
    return ", ".join(_FIELDS.get(name, name) for name in fields)


def _unsteered(controller: Controller, gate: Gate) -> Reason | None:
    if controller.least_k > gate.sizes.k:
        return Reason(f"needs at least {controller.least_k} experts per sample, and k={gate.sizes.k}", ("raise k",))
    if controller.steers and not buffers_named(gate, controller.steers):
        moved = controller.steers.rpartition("_")[0].replace("_", " ")
        return Reason(f"needs a gate with a {moved}, and this one has none")
    return None
