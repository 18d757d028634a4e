"""The gate of the sparsely-gated layer: top k of scores with noise of a learned scale."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from moe_lab.parts import ExpertsOutput, Linear, Noise, Routing, SteppedGate, Traits


class NoisyTopK(SteppedGate):
    """H_e = z_e + eps_e softplus((x W_noise)_e), eps ~ N(0, 1); the k largest H, weighed by H. No noise at test.

    The routing's extras hold sigma = softplus(x W_noise) as ``noise_scale_BE`` and the probability that an expert is
    among the k if its own noise were drawn again, ``load_probs_BE``: P_e = Phi((z_e - t_e) / sigma_e), t_e the k-th
    largest of the *other* experts' H (1 if k = E). W_noise starts at zero.
    Source: Shazeer et al. 2017, Outrageously large neural networks, arXiv:1701.06538, eq. 3 to 5, 8 and 9.
    """

    @property
    def traits(self) -> Traits:
        traits = super().traits
        # with k = E every expert is among the k, whatever the scores
        constant = {"load_probs_BE"} if self.sizes.k == self.sizes.experts else set()
        extras = traits.extras | {"noise_scale_BE", "load_probs_BE"}
        return replace(traits, extras=extras, still=traits.still | constant)

    def make_layers(self) -> None:
        self.noise_scale = Linear(self.sizes.features, self.sizes.experts, bias=False)
        self.noise_scale.weight_IO.data.zero_()

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        clean_BE = self.score(x_BD, experts, noise)
        sigma_BE = functional.softplus(self.noise_scale(x_BD))
        noisy_BE = clean_BE + noise.normal(clean_BE) * sigma_BE if self.training else clean_BE
        routing = self.route(noisy_BE, noise)
        probs_BE, _, _ = self.weigh(clean_BE, routing.selected_BE)
        biased = self.select.biased
        load_BE = load_probabilities(biased(clean_BE), biased(noisy_BE), sigma_BE, self.sizes.k)
        extras = {**routing.extras, "noise_scale_BE": sigma_BE, "load_probs_BE": load_BE}
        return replace(routing, probs_BE=probs_BE, logits_BE=clean_BE, extras=extras)


#: least noise scale in the load probabilities, as in published code of the layer, so that gradients stay finite if the
#: learned scale vanishes
LEAST_SCALE = 1e-2


def load_probabilities(clean_BE: Tensor, noisy_BE: Tensor, sigma_BE: Tensor, k: int) -> Tensor:
    """Phi((z_e - t_e) / max(sigma_e, 0.01)), t_e the k-th largest of the other experts' noisy logits; 1 if k = E."""
    if k == clean_BE.shape[-1]:
        return torch.ones_like(clean_BE)
    top_BK = noisy_BE.topk(k + 1, dim=-1).values
    kth_B1, next_B1 = top_BK[..., k - 1 : k], top_BK[..., k : k + 1]
    # for an expert among the k largest, the k-th largest of the others is the (k + 1)-th of all
    threshold_BE = torch.where(noisy_BE >= kth_B1, next_B1, kth_B1)
    return torch.special.ndtr((clean_BE - threshold_BE) / sigma_BE.clamp(min=LEAST_SCALE))
