"""A router that knows the chains that documents are drawn from."""

import torch
from torch import Tensor, nn

from moe_lab.layers.shapes import broadcast
from moe_lab.parts import (
    ALWAYS,
    Baseline,
    Config,
    ConfigError,
    Experts,
    ExpertsOutput,
    Gate,
    Noise,
    Routing,
    Sizes,
    Traits,
)


class BayesRouter(Baseline):
    """The Bayes router in place of a language model's gates: a token goes to the expert of its most probable chain.

    It knows the chains of dataset=markov_languages, but not which of them a document is from; it infers this from the
    tokens up to the current one. No causal router can know the chain sooner, so it is an upper bound for gates that
    follow chains. Experts are trained as under any gate. With more experts than chains, the others get no tokens.
    Source: Bernardo and Smith 1994, Bayesian theory (posterior over models).

    Raises ConfigError for one mixture, for other data and for fewer experts than chains.
    """

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        raise ConfigError(
            "baseline=bayes_router is a gate for mixture layers of a language model: take network=language_model "
            "dataset=markov_languages"
        )


class ChainRouter(Gate):
    """p(chain m | x_0 .. x_s) over the first M experts; the most probable one has weight one, ties by index.

    log p(m, x_0 .. x_s) = log pi_m(x_0) + sum_{i=1..s} log P_m(x_i | x_{i-1}), up to a constant: all chains are equally
    probable at first. Every window must be possible under at least one chain. Axes: M chains, V symbols, W windows of
    S = ``Sizes.places`` tokens, of which the rows of a batch consist, U = V + V V first symbols and pairs.

    Args:
        log_start_MV: log pi.
        log_transition_MVV: log P(next | symbol).
    """

    traits = Traits(rows_sum_to_one=True, k=1, mixes=False, gives_logits=False, hashes_input=ALWAYS)

    def __init__(self, sizes: Sizes, log_start_MV: Tensor, log_transition_MVV: Tensor) -> None:
        super().__init__(sizes, k=1, combine=None)
        chains, self._symbols = log_start_MV.shape
        if sizes.experts < chains:
            raise ConfigError(
                f"baseline=bayes_router needs an expert for each of the {chains} chains, and there are {sizes.experts} "
                f"experts: take experts.count={chains}"
            )
        self.log_step_MU = nn.Buffer(torch.cat((log_start_MV, log_transition_MVV.flatten(-2)), -1))

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        """``x_BD``: the token of each row, [..., B, 1]."""
        token_WS = x_BD.squeeze(-1).long().unflatten(-1, (-1, self.places))
        pair_WS = self._symbols * (1 + token_WS[..., :-1]) + token_WS[..., 1:]
        step_1B = torch.cat((token_WS[..., :1], pair_WS), -1).flatten(-2).unsqueeze(-2)
        lead = broadcast(step_1B.shape[:-2], self.log_step_MU.shape[:-2])
        step_MB = step_1B.expand(*lead, self.log_step_MU.shape[-2], -1)
        log_step_MB = self.log_step_MU.expand(*lead, -1, -1).gather(-1, step_MB)
        log_joint_BM = log_step_MB.unflatten(-1, (-1, self.places)).cumsum(-1).flatten(-2).mT
        empty = self.sizes.experts - log_joint_BM.shape[-1]
        log_joint_BE = nn.functional.pad(log_joint_BM, (0, empty), value=-torch.inf).float()
        probs_BE = log_joint_BE.softmax(-1)
        selected_BE = nn.functional.one_hot(log_joint_BE.argmax(-1), self.sizes.experts).bool()
        weights_BE = selected_BE.to(probs_BE.dtype)
        return Routing(probs_BE, weights_BE, selected_BE, log_weights_BE=weights_BE.log())
