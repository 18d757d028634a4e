"""The trace of a transformers model on a folder of texts: one document a forward pass, so that there is no padding."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab.config.extras import extra
from moe_lab.data.vision import import_torchvision
from moe_lab.errors import DataError, cut
from moe_lab.experiment.recording.banks import family
from moe_lab.experiment.recording.emptied import check_emptied
from moe_lab.experiment.recording.recorder import Recorder
from moe_lab.experiment.recording.texts import Text, texts_in
from moe_lab.experiment.traces import Trace

#: what the label is called that a text's folder is
LABEL = "folder"
Watched = Callable[[Sequence[Tensor]], Iterable[Tensor]]


def record_trace(name: str, texts: Path, length: int, watched: Watched = iter) -> Trace:
    """The trace of a model on the texts below a folder, each up to ``length`` tokens, on the GPU if there is one.

    Before the first text is recorded, one expert of each layer is emptied, and the rows that change are compared with
    those that were recorded for it.

    Args:
        name: a folder, or a name on the hub, of a model for causal language modelling.
        watched: passes the documents on, and may show how many are done.

    Raises ConfigError without transformers; DataError, which names the model's family or the file, if a model cannot be
    loaded or recorded, or a text not be read.
    """
    found = texts_in(texts)
    transformers = _library()
    tokenizer = _loaded(transformers.AutoTokenizer, name)
    documents, kept, cut_short = _tokens(tokenizer, found, length)
    model = _model(transformers, name)
    _check_fits(model, documents)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    recorder = Recorder(model)
    check_emptied(model, recorder.banks, max(documents, key=len)[None].to(device))
    with recorder, torch.no_grad():
        for ids_S in watched(documents):
            model(input_ids=ids_S[None].to(device), use_cache=False)
    folders = [text.folder for text in kept]
    missing = {"rest of texts": cut_short} if cut_short else {}
    return recorder.trace(
        {LABEL: folders} if any(folders) else {},
        source=f"recorded from {family(model)} in {str(model.dtype).removeprefix('torch.')} by transformers "
        f"{transformers.__version__}; the emptied-expert check passed",
        checksum=f"sha256:{hashlib.sha256(torch.cat(documents).numpy().tobytes()).hexdigest()}",
        missing=missing,
    )


def _library() -> Any:
    # transformers imports torchvision, which over a torch for the CPU has to come by its own door
    with suppress(DataError):
        import_torchvision()
    found = extra("transformers", "recording a model", "hf")
    found.logging.set_verbosity_error()
    found.logging.disable_progress_bar()
    # it would say of each try that the hub cannot be reached
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return found


def _model(transformers: Any, name: str) -> nn.Module:
    config = _loaded(transformers.AutoConfig, name)
    if config.is_encoder_decoder:
        raise DataError(
            f"{cut(name)} ({cut(str(config.model_type))}) cannot be recorded: it is an encoder-decoder, and texts say "
            "nothing of what its decoder gets"
        )
    return _loaded(transformers.AutoModelForCausalLM, name, dtype="auto")


def _loaded(kind: Any, name: str, **options: Any) -> Any:
    """Raises DataError, in one line, for whatever the library says."""
    try:
        return kind.from_pretrained(name, trust_remote_code=False, **options)
    except Exception as error:
        raise DataError(
            f"{cut(name, 200)}: transformers finds no {_KINDS[kind.__name__]} there ({cut(str(error), 200)}); expected "
            "the folder of `save_pretrained`, or a name on the hub"
        ) from None


_KINDS = {"AutoTokenizer": "tokenizer", "AutoConfig": "config", "AutoModelForCausalLM": "causal language model"}


def _tokens(tokenizer: Any, texts: Sequence[Text], length: int) -> tuple[list[Tensor], list[Text], str]:
    """The ids of each text that has some, these texts, and what is left out of them. Raises DataError if none has."""
    ids = [tokenizer(text.read(), return_tensors="pt", verbose=False)["input_ids"][0] for text in texts]
    kept = [text for text, one in zip(texts, ids, strict=True) if len(one)]
    if not kept:
        raise DataError("the texts hold no token: expected files of text")
    longer = sum(len(one) > length for one in ids)
    said = f"{longer} of {len(kept)} texts have more than {length} tokens, of which the first {length} are recorded"
    return [one[:length] for one in ids if len(one)], kept, said if longer else ""


def _check_fits(model: Any, documents: Sequence[Tensor]) -> None:
    """Raises DataError if a document is longer than the model's context, or its ids are none of the model's."""
    longest, most = max(map(len, documents)), getattr(model.config, "max_position_embeddings", None)
    if most is not None and longest > most:
        raise DataError(f"{family(model)} takes {most} tokens, and a text has {longest}; add --length {most}")
    largest, known = int(torch.cat(list(documents)).max()), model.get_input_embeddings().num_embeddings
    if largest >= known:
        raise DataError(f"the tokenizer gives token {largest}, and {family(model)} knows {known}: they do not fit")
