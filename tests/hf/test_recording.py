"""The recorder on tiny models of many families: what it records is what the model executes, row by row."""

import numpy as np
import pytest
import torch

from moe_lab.errors import DataError, RunError
from moe_lab.experiment.recording.banks import banks_of
from moe_lab.experiment.recording.emptied import check_emptied
from moe_lab.experiment.recording.recorder import Recorder
from moe_lab.routing.trace import NONE
from tests.hf.families import FAMILIES, REFUSED, VOCABULARY, E, tiny

pytestmark = pytest.mark.hf
#: families whose first layer is dense
DENSE_FIRST = {
    "qwen2_moe",
    "deepseek_v2",
    "deepseek_v3",
    "glm4_moe",
    "jamba",
    "ernie4_5_moe",
    "dots1",
    "lfm2_moe",
    "afmoe",
}


def ids(batch, length, seed=0):
    return torch.randint(3, VOCABULARY, (batch, length), generator=torch.Generator().manual_seed(seed))


def sets(experts_TK):
    return [frozenset(row[row != NONE].tolist()) for row in np.asarray(experts_TK)]


def recorded(model, **call):
    with Recorder(model) as recorder, torch.no_grad():
        model(**call)
    return recorder.trace()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_recorded_and_passes_the_emptied_expert_check(family):
    model = tiny(family)
    check_emptied(model, banks_of(model), ids(1, 60))
    trace = recorded(model, input_ids=ids(3, 20))
    assert trace.rows == 60 and trace.documents == 3 and trace.position_T.tolist() == [*range(20)] * 3
    assert trace.token_id_T.tolist() == ids(3, 20).flatten().tolist()
    assert ("layer0" in {layer.name for layer in trace.layers}) == (family not in DENSE_FIRST)
    for layer in trace.layers:
        assert len(np.unique(layer.experts_TK)) >= 2 and layer.weights_TK.any(1).mean() > 0.5
        assert layer.sample_S.tolist() == [*range(60)]
        assert layer.experts == (layer.logits_SE if layer.probs_SE is None else layer.probs_SE).shape[1]
    assert len({layer.name for layer in trace.layers}) == len(trace.layers)


def test_there_are_twelve_families_or_more():
    assert len(FAMILIES) >= 12


@pytest.mark.parametrize("family", ["mixtral", "deepseek_v3"])
def test_sets_and_weights_are_the_modules_own(family):
    model = tiny(family)
    own = {}
    for bank in banks_of(model):
        bank.router.register_forward_hook(lambda _, __, output, name=bank.name: own.update({name: output}))
    trace = recorded(model, input_ids=ids(2, 50))
    of_logits = []
    for layer in trace.layers:
        logits_TE, weights_TK, experts_TK = own[layer.name]
        assert sets(layer.experts_TK) == sets(experts_TK)
        np.testing.assert_array_equal(layer.weights_TK, weights_TK.numpy())
        np.testing.assert_array_equal(layer.logits_SE, logits_TE.numpy())
        of_logits += [a == b for a, b in zip(sets(logits_TE.topk(2).indices), sets(experts_TK), strict=True)]
    # groups and a correction bias select others than the largest logits
    assert all(of_logits) if family == "mixtral" else np.mean(of_logits) < 0.6


def test_padding_is_left_out_and_changes_nothing():
    model = tiny("olmoe")
    whole, mask = ids(2, 12), torch.ones(2, 12, dtype=torch.long)
    mask[0, :5] = 0
    trace = recorded(model, input_ids=whole, attention_mask=mask)
    assert trace.document_T.tolist() == [0] * 7 + [1] * 12 and trace.position_T.tolist() == [*range(7), *range(12)]
    alone = recorded(model, input_ids=whole[:1, 5:])
    for padded, one in zip(trace.layers, alone.layers, strict=True):
        assert sets(padded.experts_TK[:7]) == sets(one.experts_TK)


def test_generation_keeps_sequences_apart_and_has_no_row_of_the_last_token():
    model = tiny("mixtral")
    whole, mask = ids(2, 6), torch.ones(2, 6, dtype=torch.long)
    mask[1, :2] = 0
    with Recorder(model) as recorder, torch.no_grad():
        made = model.generate(
            input_ids=whole, attention_mask=mask, max_new_tokens=5, min_new_tokens=5, do_sample=False, pad_token_id=0
        )
    trace = recorder.trace(labels={"which": ["first", "second"]})
    assert trace.document_T.tolist() == [0] * 10 + [1] * 8 and trace.label("which").names == ("first", "second")
    for document, first in ((0, 0), (1, 2)):
        rows = trace.document_T == document
        assert trace.token_id_T[rows].tolist() == made[document, first:-1].tolist()
        alone = recorded(model, input_ids=made[document : document + 1, first:-1])
        for layer, one in zip(trace.layers, alone.layers, strict=True):
            assert sets(layer.experts_TK[rows]) == sets(one.experts_TK)


def test_a_label_has_a_value_for_each_sequence():
    model = tiny("mixtral")
    with Recorder(model) as recorder, pytest.raises(DataError, match="nothing was recorded"):
        recorder.trace()
    with recorder, torch.no_grad():
        model(input_ids=ids(2, 4))
    with pytest.raises(RunError, match="label 'a': 1 values; expected 2, one for each sequence"):
        recorder.trace(labels={"a": ["x"]})


@pytest.mark.parametrize("family", REFUSED)
def test_other_families_are_refused_by_name_with_the_reason(family):
    model = tiny(family)
    with pytest.raises(DataError, match=f"^{family} .* cannot be recorded: .*{REFUSED[family][1]}"):
        recorded(model, input_ids=ids(1, 30))


def test_switch_and_its_masks_are_refused():
    from transformers import SwitchTransformersConfig, SwitchTransformersForConditionalGeneration

    config = SwitchTransformersConfig(
        vocab_size=VOCABULARY, d_model=16, d_kv=4, d_ff=16, num_layers=2, num_decoder_layers=2, num_heads=4,
        num_experts=4, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1,
    )  # fmt: skip
    model = SwitchTransformersForConditionalGeneration(config).eval()
    with pytest.raises(DataError, match="^switch_transformers .*not called with hidden states, experts"):
        recorded(model, input_ids=ids(1, 10), decoder_input_ids=ids(1, 10))


def test_skipped_rows_have_no_expert():
    """The router's ninth class hands a token to expert 0 with the weight 0."""
    model = tiny("zaya")
    biases = {bank.name: bank.router.balancing_biases for bank in banks_of(model)}
    for biases_E in biases.values():
        biases_E[-1] = 0.5
    trace = recorded(model, input_ids=ids(1, 60))
    skipped = 0
    for layer in trace.layers:
        classes_T = (torch.tensor(layer.logits_SE).softmax(-1) + biases[layer.name]).argmax(-1).numpy()
        assert layer.experts == E + 1
        np.testing.assert_array_equal(layer.experts_TK[:, 0], np.where(classes_T == E, NONE, classes_T))
        skipped += (classes_T == E).sum()
    assert 0 < skipped < 3 * 60
    assert "identities, or skip the layer" in trace.missing["experts without parameters"]


def test_identity_experts_are_experts():
    trace = recorded(tiny("longcat_flash"), input_ids=ids(2, 60))
    assert all(layer.experts == E + 2 for layer in trace.layers)
    assert max(layer.experts_TK.max() for layer in trace.layers) >= E


def test_what_is_called_logits_may_be_probabilities():
    layer = recorded(tiny("gemma4_text"), input_ids=ids(1, 30)).layers[0]
    assert layer.logits_SE is None and np.allclose(layer.probs_SE.sum(1), 1, atol=1e-5)


def test_shared_experts_are_said_not_to_be_there():
    assert recorded(tiny("deepseek_v3"), input_ids=ids(1, 9)).missing["shared experts"].startswith("shared_experts: ")


HALF = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


@HALF
def test_a_bank_that_computes_other_experts_does_not_pass(dtype):
    model = tiny("mixtral").to(dtype)
    bank = banks_of(model)[1]
    as_it_was = bank.module.forward
    bank.module.forward = lambda x, experts, weights: as_it_was(x, (experts + 1) % E, weights)
    with pytest.raises(
        DataError, match="^mixtral .* in layer1 with expert . emptied .* rows change, .* are not the same"
    ):
        check_emptied(model, banks_of(model), ids(1, 60))


@HALF
def test_a_bank_that_leaves_experts_out_does_not_pass(dtype):
    """As NLLB-MoE's of transformers 5.24 does, which ran the first two."""
    model = tiny("olmoe").to(dtype)
    bank = banks_of(model)[0]
    as_it_was = bank.module.forward
    bank.module.forward = lambda x, experts, weights: as_it_was(x, experts.clamp(max=1), weights)
    with pytest.raises(DataError, match="^olmoe .* in layer0 with expert . emptied"):
        check_emptied(model, banks_of(model), ids(1, 60))


@HALF
def test_a_block_that_drops_rows_later_does_not_pass(dtype):
    """As for want of capacity: half of the rows get nothing of their experts."""
    model = tiny("olmoe").to(dtype)
    block = banks_of(model)[0].block
    as_it_was = block.forward
    block.forward = lambda x: as_it_was(x) * (torch.arange(x.shape[1]) % 2)[None, :, None]
    with pytest.raises(DataError, match="^olmoe .* in layer0 with expert . emptied"):
        check_emptied(model, banks_of(model), ids(1, 60))


def test_the_check_leaves_the_model_as_it_was():
    model = tiny("granitemoe")
    before = {name: one.clone() for name, one in model.state_dict().items()}
    check_emptied(model, banks_of(model), ids(1, 30))
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_block_that_goes_past_its_bank_is_refused():
    """As a kernel from the hub may: no call of the bank, and nothing would be recorded."""
    model = tiny("mixtral")
    banks_of(model)[2].block.forward = lambda x: x
    with pytest.raises(DataError, match="in layer2 `experts` were called 0 times in a forward pass, not once"):
        recorded(model, input_ids=ids(1, 9))


def test_a_recording_that_goes_on_from_elsewhere_is_refused():
    model = tiny("mixtral")
    with torch.no_grad():
        past = model(input_ids=ids(1, 6), use_cache=True).cache
    with pytest.raises(DataError, match="goes on with 1 sequences after 6 tokens, and 0 of 0 were recorded"):
        recorded(model, input_ids=ids(1, 1), cache=past)


@pytest.mark.parametrize(
    ("family", "experts"),
    [
        *((family, way) for family in ("mixtral", "deepseek_v3") for way in ("eager", "grouped_mm", "batched_mm")),
        ("longcat_flash", "eager"),
    ],
)
def test_half_precision_and_every_way_to_multiply_pass_the_check(family, experts):
    """In half precision rounding hides in some rows what an expert adds, in LongCat's beside identities."""
    model = tiny(family).to(torch.bfloat16)
    model.set_experts_implementation(experts)
    check_emptied(model, banks_of(model), ids(1, 200))
    assert recorded(model, input_ids=ids(1, 60)).rows == 60
