"""Target 12: the cost of recording a model of transformers.

Forward passes of OLMoE-shaped models with random weights on one document, with and without the recorder, in turns; at
most 2 % more time is allowed. Other processes on the machine can change the time of a pass by more than that, so the
ratio is the median over pairs of consecutive passes. Without the extra ``hf`` nothing is measured.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.rows import Row
from moe_lab.config.compose import compose
from moe_lab.data.vision import import_torchvision
from moe_lab.experiment.machine import settle
from moe_lab.experiment.recording.recorder import Recorder

LAYERS, VOCABULARY = 4, 1000
#: width, experts, k and tokens of a document
SHAPES = [(512, 16, 2, 512), (512, 64, 8, 512), (512, 16, 2, 2048)]
LEAST = 1 / 1.02


def rows(quick: bool) -> Iterator[Row]:
    if importlib.util.find_spec("transformers") is None:
        return
    settle(compose([]))
    import_torchvision()
    for width, experts, k, length in SHAPES[:1] if quick else SHAPES:
        plain, recorded = passes(width, experts, k, length)
        pairs = [paired(plain, recorded, first) for first in range(10 if quick else 60)]
        milliseconds = 1000 * min(before for before, _ in pairs)
        case = f"D={width} E={experts} k={k}, {LAYERS} layers, {length} tokens, {milliseconds:.0f} ms"
        yield Row("12", case, statistics.median(before / after for before, after in pairs), LEAST, LEAST)


def paired(plain: Callable[[], object], recorded: Callable[[], object], turn: int) -> tuple[float, float]:
    """CPU seconds of both calls; in every other turn the second is called first."""
    seconds = {call: _seconds(call) for call in ((plain, recorded) if turn % 2 else (recorded, plain))}
    return seconds[plain], seconds[recorded]


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def passes(width: int, experts: int, k: int, length: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same forward pass of a model, plain and recorded."""
    from transformers import OlmoeConfig, OlmoeForCausalLM

    torch.manual_seed(0)
    config = OlmoeConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=width,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=8,
        num_experts=experts,
        num_experts_per_tok=k,
        pad_token_id=None,
        eos_token_id=None,
    )
    model = OlmoeForCausalLM(config).eval()
    recorder = Recorder(model)
    ids = torch.randint(VOCABULARY, (1, length))

    @torch.no_grad()
    def plain() -> None:
        model(input_ids=ids, use_cache=False)

    def recorded() -> None:
        with recorder:
            plain()

    return plain, recorded
