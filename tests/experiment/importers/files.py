"""Files as the stacks write them, made after their schemas, of routing that is known."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: of two documents of 3 and 2 rows: [rows, layers, slots] of 4 experts; layer 0 is dense
FIRST = np.array([[[0, 0], [3, 1], [0, 2]], [[0, 0], [1, 2], [2, 3]], [[0, 0], [2, 0], [1, 0]]])
SECOND = np.array([[[0, 0], [0, 3], [3, 2]], [[0, 0], [1, 0], [2, 1]]])
#: the two layers that route, all five rows
LAYERS = {"layer1": np.concatenate([FIRST, SECOND])[:, 1], "layer2": np.concatenate([FIRST, SECOND])[:, 2]}
DOCUMENTS = [0, 0, 0, 1, 1]


def base64_npy(array: np.ndarray) -> str:
    """As vLLM 0.22 encodes it."""
    file = io.BytesIO()
    np.save(file, array)
    return base64.b64encode(file.getvalue()).decode()


def base64_buffer(array: np.ndarray) -> str:
    """As SGLang encodes it."""
    return base64.b64encode(array.tobytes()).decode()


def json_lines(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def vllm_lists(folder: Path) -> Path:
    """Up to 0.21: a RequestOutput of two prompt tokens and one that was generated and fed, and an array alone."""
    output = {"routed_experts": FIRST[2:].tolist(), "token_ids": [7, 8]}
    request = {"prompt_routed_experts": FIRST[:2].tolist(), "prompt_token_ids": [5, 6], "outputs": [output]}
    return json_lines(folder / "lists.jsonl", [request, SECOND.tolist()])


def vllm_choices(folder: Path) -> Path:
    """From 0.22 on: a choice has the whole sequence but for its last token."""
    responses = [
        {
            "prompt_token_ids": [5, 6],
            "choices": [{"token_ids": [7, 8], "routed_experts": base64_npy(FIRST.astype(np.uint8))}],
        },
        {
            "prompt_token_ids": [5],
            "choices": [{"token_ids": [9, 4], "routed_experts": base64_npy(SECOND.astype(np.int16))}],
        },
    ]
    path = folder / "choices.json"
    path.write_text(json.dumps(responses, indent=1))
    return path


def dynamo(folder: Path) -> Path:
    """NVIDIA Dynamo's extension of a response."""

    def response(array: np.ndarray) -> dict[str, Any]:
        data = {"data": base64_buffer(array.astype(np.uint8)), "shape": [*array.shape], "start": 0, "dtype": "uint8"}
        return {"choices": [{"text": "a"}], "nvext": {"engine_data": {"routed_experts": data}}}

    return json_lines(folder / "dynamo.jsonl", [response(FIRST), response(SECOND)])


def sglang(folder: Path) -> Path:
    """int32, flat, with a last slot that a fused shared expert fills."""

    def response(array: np.ndarray) -> dict[str, Any]:
        table = np.concatenate([array, np.full((*array.shape[:2], 1), 4)], axis=2).astype(np.int32)
        table[:, 0] = 0
        meta = {"routed_experts": base64_buffer(table), "prompt_tokens": 2, "completion_tokens": len(array) - 1}
        return {"text": "a", "meta_info": meta}

    return json_lines(folder / "sglang.jsonl", [response(FIRST), response(SECOND)])


def sglang_recorder(folder: Path) -> Path:
    """Two prefills of one sequence; physical expert 4 is a second copy of 3, and two slots of four are used."""
    import torch

    def record(array: np.ndarray, ids: list[int]) -> dict[str, Any]:
        physical = np.where(array == 3, 4, array)
        physical[:, 0] = -1
        padded = np.concatenate([physical, np.full((*array.shape[:2], 2), -1)], axis=2).swapaxes(0, 1)
        rows = len(array)
        return {
            "forward_pass_id": 0,
            "rank": 0,
            "gatherer_key": "primary",
            "input_ids": ids,
            "positions": list(range(rows)),
            "extend_seq_lens": [rows],
            "forward_mode": 1,
            "topk_ids_of_layer": torch.tensor(padded.copy(), dtype=torch.int32),
            "misc_objects": [],
        }

    logical = torch.tensor([[0, 1, 2, 3, 3]] * 3)
    path = folder / "expert_distribution_recorder_0_0.pt"
    records = [record(FIRST, [5, 6, 7]), record(SECOND, [5, 9])]
    torch.save({"records": records, "last_physical_to_logical_map": logical}, path)
    return path


def megatron(folder: Path) -> Path:
    """Two steps of one rank, written layer by layer; the ids are sorted."""
    lines = [
        {
            "step": step,
            "stage": "pre_dispatch",
            "block": "decoder",
            "layer": layer,
            "rank": 0,
            "num_tokens": len(array),
            "topk": 2,
            "top_indices": np.sort(array[:, layer], axis=1).tolist(),
        }
        for step, array in enumerate((FIRST, SECOND))
        for layer in (2, 1)
    ]
    return json_lines(folder / "router_trace_rank0.jsonl", lines)


def megatron_logits(folder: Path) -> Path:
    """The same with logits in bfloat16, which holds whole numbers up to 256 exactly."""
    lines = [json.loads(line) for line in megatron(folder).read_text().splitlines()]
    content = b""
    for line in lines:
        logits = logits_of(line["num_tokens"], line["layer"]).astype(np.float32)
        halves = (logits.view(np.uint32) >> 16).astype("<u2").tobytes()
        line |= {"logit_offset": len(content), "logit_bytes": len(halves), "logit_shape": [len(logits), 4]}
        content += halves
    (folder / "logits_rank0.bin").write_bytes(content)
    return json_lines(folder / "router_trace_rank0.jsonl", lines)


def logits_of(rows: int, layer: int) -> np.ndarray:
    """[rows, 4]"""
    return 50 * np.arange(rows)[:, None] + 10 * layer + np.arange(4)


def olmoe(folder: Path) -> Path:
    """Slots stand before layers."""
    lines = [
        {"input_ids": ids, "predicted_token_ids": ids, "exp_ids": array[:, 1:].swapaxes(1, 2).tolist()}
        for ids, array in (([5, 6, 7], FIRST), ([5, 9], SECOND))
    ]
    return json_lines(folder / "c4_results.jsonl", lines)


def llama_cpp(folder: Path) -> Path:
    """Two files: a layer's tensor after the other, its slots in a row; the first file in two batches of tokens."""
    (folder / "traces").mkdir()
    for name, batches in (("a.csv", (FIRST[:2], FIRST[2:])), ("b.csv", (SECOND,))):
        rows = [f"{layer},{one}" for batch in batches for layer in (1, 2) for one in batch[:, layer].ravel()]
        (folder / "traces" / name).write_text("\n".join(["layer,expert", *rows]) + "\n")
    return folder / "traces"


def array_folder(folder: Path) -> Path:
    """A folder of .npy files, a document each."""
    (folder / "arrays").mkdir()
    for name, array in (("a.npy", FIRST), ("b.npy", SECOND)):
        np.save(folder / "arrays" / name, array.astype(np.int16))
    return folder / "arrays"


#: format -> how its file is made, and what the user has to say besides --experts
MADE: dict[str, tuple[str, Callable[[Path], Path], dict[str, int]]] = {
    "vllm, lists": ("vllm", vllm_lists, {"experts": 4}),
    "vllm, base64": ("vllm", vllm_choices, {"experts": 4}),
    "vllm, dynamo": ("vllm", dynamo, {"experts": 4}),
    "sglang": ("sglang", sglang, {"experts": 4, "layers": 3, "k": 3}),
    "sglang_recorder": ("sglang_recorder", sglang_recorder, {}),
    "megatron": ("megatron", megatron, {"experts": 4}),
    "megatron, logits": ("megatron", megatron_logits, {}),
    "olmoe": ("olmoe", olmoe, {"experts": 4}),
    "llama_cpp": ("llama_cpp", llama_cpp, {"experts": 4, "k": 2}),
    "arrays": ("arrays", array_folder, {"experts": 4}),
}
