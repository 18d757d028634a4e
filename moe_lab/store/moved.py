"""Names of classes in configs that earlier versions have stored, as they are now."""

from typing import Any

#: where modules of parts were -> where they are
MOVED = {
    f"moe_lab.{role}.": f"moe_lab.parts.{role}."
    for role in ("baselines", "controllers", "experts", "gates", "networks", "objectives", "regularizers")
}


def as_now(node: Any) -> Any:
    """A stored config with every ``_target_`` by its present name; everything else as it is."""
    if isinstance(node, dict):
        return {key: _present(value) if key == "_target_" else as_now(value) for key, value in node.items()}
    return [as_now(item) for item in node] if isinstance(node, list) else node


def _present(target: Any) -> Any:
    if isinstance(target, str):
        for before, now in MOVED.items():
            if target.startswith(before):
                return now + target.removeprefix(before)
    return target
