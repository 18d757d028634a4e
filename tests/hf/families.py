"""Tiny models of many families, with random weights that make their routers decide."""

from typing import Any

import torch

VOCABULARY, D, E = 64, 32, 8
#: what most configs call the same things
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": D,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_MOE = {"num_experts": E, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
_ROUTED = {"n_routed_experts": E, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "n_shared_experts": 1}
_GROUPS = {"n_group": 4, "topk_group": 2, "first_k_dense_replace": 1}
_LATENT = {
    "kv_lora_rank": 16, "q_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8,
}  # fmt: skip

#: family -> what its config has besides or in place of SIZES
FAMILIES: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": E, "num_experts_per_tok": 2},
    "olmoe": {"num_experts": E, "num_experts_per_tok": 2},
    "qwen2_moe": {**_MOE, "shared_expert_intermediate_size": 24, "decoder_sparse_step": 2},
    "qwen3_moe": {**_MOE, "head_dim": 8},
    "deepseek_v2": {**_ROUTED, **_LATENT, **_GROUPS},
    "deepseek_v3": {**_ROUTED, **_LATENT, **_GROUPS},
    "glm4_moe": {**_ROUTED, **_GROUPS, "head_dim": 8},
    "gpt_oss": {"num_local_experts": E, "num_experts_per_tok": 2, "head_dim": 8},
    "granitemoe": {"num_local_experts": E, "num_experts_per_tok": 2},
    "jamba": {"num_experts": E, "num_experts_per_tok": 2, "attn_layer_period": 2, "attn_layer_offset": 0,
              "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 4, "use_mamba_kernels": False},
    "phimoe": {"num_local_experts": E, "num_experts_per_tok": 2},
    "minimax_m2": {"num_local_experts": E, "num_experts_per_tok": 2, "head_dim": 8},
    "ernie4_5_moe": {"moe_num_experts": E, "moe_k": 2, "moe_intermediate_size": 24, "moe_num_shared_experts": 1},
    "hunyuan_v1_moe": {"num_experts": E, "moe_topk": 2, "head_dim": 8},
    "dots1": {**_ROUTED, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "head_dim": 8},
    "lfm2_moe": {**_MOE, "num_dense_layers": 1, "layer_types": ["full_attention", "conv", "full_attention"]},
    "afmoe": {**_MOE, "num_dense_layers": 1, "num_shared_experts": 1, "head_dim": 8, "sliding_window": 32},
    # two of its ten experts are identities
    "longcat_flash": {**_LATENT, "num_hidden_layers": 4, "head_dim": 8, "n_routed_experts": E, "zero_expert_num": 2,
                      "moe_topk": 2, "expert_ffn_hidden_size": 24},
    # experts stand in the layer itself, and its router gives probabilities
    "gemma4_text": {"enable_moe_block": True, "num_experts": E, "top_k_experts": 2, "moe_intermediate_size": 24,
                    "head_dim": 8, "global_head_dim": 8, "hidden_size_per_layer_input": 0},
    # the last of its nine classes skips the experts
    "zaya": {"num_experts": E, "num_experts_per_tok": 1, "moe_intermediate_size": 24, "router_hidden_size": 16,
             "head_dim": 8},
}  # fmt: skip

#: families that are refused, and why
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "llama4_text": ({"num_local_experts": E, "num_experts_per_tok": 1, "intermediate_size_mlp": 48, "head_dim": 8},
                    "not called with hidden states, experts"),
    "jetmoe": ({"num_local_experts": E, "num_experts_per_tok": 2, "kv_channels": 8, "num_key_value_heads": 2},
               "in layer0 `experts` were called 0 times"),
    "doge": ({"is_moe": True, "num_experts": 16, "num_experts_per_tok": 2}, "no module `experts`"),
}  # fmt: skip


def tiny(family: str, seed: int = 0, **changed: Any) -> Any:
    """A model of a family, whose routers' weights are N(0, .5) and biases N(0, .3), so that experts are selected
    unevenly and a correction bias matters."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    own = FAMILIES[family] if family in FAMILIES else REFUSED[family][0]
    settings = SIZES | own | changed
    if family == "longcat_flash":
        settings["num_layers"], settings["ffn_hidden_size"] = 2, settings.pop("intermediate_size")
        del settings["num_hidden_layers"]
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings)).eval()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            is_router = any(word in name for word in ("gate.", "router.", "_bias"))
            if is_router and name.endswith(("weight", "bias", "biases")):
                tensor.normal_(0, 0.3 if "bias" in name else 0.5)
            elif "embed" in name:
                tensor.normal_()
    return model
