"""The formats, in the order in which they are tried on a file whose format is not given."""

from moe_lab.errors import DataError, did_you_mean
from moe_lab.experiment.importers import (
    arrays,
    flame_moe,
    llama_cpp,
    megatron,
    olmoe,
    router_logits,
    sglang,
    sglang_recorder,
    vllm,
)
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format

_MODULES = (sglang_recorder, router_logits, arrays, flame_moe, megatron, olmoe, sglang, vllm, llama_cpp)
FORMATS = {module.FORMAT.name: module.FORMAT for module in _MODULES}


def format_of(source: Source, name: str | None) -> Format:
    """The format of this name, or the first that takes the file for its own. Raises DataError."""
    if name is not None:
        if name not in FORMATS:
            raise DataError(f"--format {name}: there is none.{did_you_mean(name, FORMATS)} There are {_NAMES}")
        return FORMATS[name]
    found = next((one for one in FORMATS.values() if one.guess(source)), None)
    if found is None and source.kind == "pickle":
        raise source.error(
            "is a pickle, which can hide code and is not read; OLMoE's counters, which have no rows and are no trace, "
            "are read by `read_counters` (docs/traces.md)"
        )
    if found is None:
        raise source.error(f"is of no known format; the formats are {_NAMES} (`moe-lab trace import --help`)")
    return found


def check_asked(form: Format, asked: Asked) -> None:
    """Raises DataError if the user gives a fact that files of this format contain."""
    for name, value in vars(asked).items():
        if value is not None and name not in form.takes:
            reason = "are read whole" if name == "rows" else "say it themselves"
            raise DataError(f"--{name} {value}: {form.name} files {reason}; leave --{name} out")


_NAMES = ", ".join(sorted(FORMATS))
