import torch

from moe_lab.parts.experts.conv import Conv
from moe_lab.parts.networks.conv import Conv as Body
from tests.conformance.cases import Case

CASE = Case(
    dense=True, forms=[["experts.filters=[2,3]", "experts.padding=1", "experts.batch_norm=[1]", "experts.bias=all"]]
)


def test_each_expert_is_a_plain_network(sizes, draw):
    options = {"filters": (2, 3), "padding": 1, "batch_norm": (1,), "hidden": (8, 6)}
    experts, x = Conv(sizes(shape=(1, 8, 8)), count=5, **options), draw(7, 64)
    output = experts(x)
    assert experts.hidden_features == 6
    for e in range(5):
        body = Body(sizes(shape=(1, 8, 8)), **options)
        state = {name.removeprefix("body."): tensor[e] for name, tensor in experts.bank.state_dict().items()}
        head = {name: state.pop(f"output.{name}") for name in ("weight_IO", "bias_1O")}
        # the bank's forward has moved the running statistics; batch statistics are what training uses
        body.load_state_dict(state)
        hidden = body(x)
        torch.testing.assert_close(output.hidden_BEH[:, e], hidden)
        logits = hidden.relu() @ head["weight_IO"] + head["bias_1O"]
        torch.testing.assert_close(output.log_probs_BEC[:, e], logits.log_softmax(-1))
