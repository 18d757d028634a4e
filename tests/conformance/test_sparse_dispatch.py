"""Every objective and regularizer under sparse dispatch: it gives what it gives under dense dispatch, or declares that
it reads every expert and is refused. One that reads the experts and does not say so fails here."""

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.errors import ConfigError
from moe_lab.noise import Noise, generator
from moe_lab.parts import Step

PARTS = [f"objective={name}" for name in options("objective")] + [f"regularizer=[{n}]" for n in options("regularizer")]


@pytest.mark.parametrize("word", PARTS)
def test_sparse_is_dense_or_refused(learner_of, draw, word):
    x, y, results = draw(9, 12).double(), torch.arange(9) % 4, []
    for way in ("dense", "sparse"):
        words = ["gate=noisy_top_k", "k=2", f"trainer.dispatch={way}", word]
        declared = learner_of(*words[:-2], word)
        parts = (declared.objective, *declared.regularizers.values())
        if way == "sparse" and any(part.needs_every_expert for part in parts):
            with pytest.raises(ConfigError, match="reads every expert"):
                learner_of(*words)
            return
        made = learner_of(*words).double().train()
        noise, mixture = Noise([generator(0, "noise")]), made.mixture
        output = mixture(x, noise)
        _, losses = made.losses(Step(x, y, output, mixture.gate, mixture.experts, noise))
        gradients = torch.autograd.grad(losses.total, list(made.parameters()), materialize_grads=True)
        results.append((losses.total, *losses.raw.values(), *gradients))
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-10, atol=1e-10)
