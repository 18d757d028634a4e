"""Names of classes in configs that earlier versions have stored, as they are now."""

from typing import Any

#: where modules of parts were -> where they are
MOVED = {
    f"moe_lab.{role}.": f"moe_lab.parts.{role}."
    for role in ("baselines", "controllers", "experts", "gates", "networks", "objectives", "regularizers")
}


#: no config is as deep (moe_lab/config/check.py refuses those that are)
_MOST_DEEP = 40


def as_now(node: Any, depth: int = 0) -> Any:
    """A stored config with every ``_target_`` by its present name; everything else as it is."""
    if depth > _MOST_DEEP:
        return node
    if isinstance(node, dict):
        return {key: _present(value) if key == "_target_" else as_now(value, depth + 1) for key, value in node.items()}
    return [as_now(item, depth + 1) for item in node] if isinstance(node, list) else node


def _present(target: Any) -> Any:
    if isinstance(target, str):
        for before, now in MOVED.items():
            if target.startswith(before):
                return now + target.removeprefix(before)
    return target
