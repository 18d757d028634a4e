"""The lines of OLMoE's analysis script, a chunk of 2,048 tokens each.

``{"input_ids": [T], "predicted_token_ids": [T], "exp_ids": [T][slots][layers]}``: slots stand before layers.

Source: scripts/run_moe_analysis.py of allenai/OLMoE.
"""

from collections.abc import Sequence

import numpy as np

from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, in_order, integers, required, stacked


def _guess(source: Source) -> bool:
    return source.kind == "json" and isinstance(source.first, dict) and {"input_ids", "exp_ids"} <= source.first.keys()


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    experts = required(asked, "experts", "OLMoE's lines do not say how many experts a layer has")
    missing = {
        "weights": NO_WEIGHTS,
        "documents": "a chunk of tokens is taken for a document; it may hold parts of several texts",
    }
    arrays, tokens = [], []
    for file in sources:
        for source, record in file.records():
            if not isinstance(record, dict) or not {"input_ids", "exp_ids"} <= record.keys():
                raise source.error("has no input_ids or no exp_ids")
            ids = integers(source, "input_ids", record["input_ids"], 1)
            experts_TKL = integers(source, "exp_ids", record["exp_ids"], 3)
            if len(ids) != len(experts_TKL):
                raise source.error(f"has {len(ids)} input_ids and exp_ids of {len(experts_TKL)} tokens")
            arrays.append((source, experts_TKL.swapaxes(1, 2)))
            tokens.append(ids)
    documents, positions = in_order(list(map(len, tokens)))
    return Found(
        selected=stacked(arrays, experts, missing),
        documents=documents,
        positions=positions,
        token_ids=np.concatenate(tokens),
        missing=missing,
        parts=[(source, len(array)) for source, array in arrays],
    )


FORMAT = Format(
    name="olmoe",
    summary="lines of OLMoE's run_moe_analysis.py: input_ids, and exp_ids of tokens x slots x layers",
    takes=frozenset({"experts"}),
    guess=_guess,
    read=_read,
)
