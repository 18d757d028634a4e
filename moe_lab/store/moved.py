"""Present names of classes that configs of earlier versions name otherwise."""

from typing import Any

#: earlier module of a part -> its present module
MOVED = {
    f"moe_lab.{role}.": f"moe_lab.parts.{role}."
    for role in ("baselines", "controllers", "experts", "gates", "networks", "objectives", "regularizers")
}


#: deeper than any config (moe_lab/config/check.py refuses deeper ones)
_MOST_DEEP = 40


def as_now(node: Any, depth: int = 0) -> Any:
    """A stored config with every ``_target_`` replaced by its present name and everything else unchanged."""
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
