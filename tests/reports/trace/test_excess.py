import numpy as np
import pytest

from moe_lab.reports.trace.excess import TOKEN, Counted, gets
from moe_lab.routing.trace import Labels, LayerTrace, Trace


def trace(experts_TK, document_T, token_T, domain_D):
    return Trace(
        layers=(LayerTrace(name="block0", experts=3, experts_TK=np.array(experts_TK)),),
        document_T=np.array(document_T),
        token_id_T=np.array(token_T),
        document_labels={"domain": Labels(value=np.array(domain_D), names=("code", "prose"))},
    )


def test_excess_is_over_the_product_of_the_marginals():
    # six slots: expert 0 has three of code and one of prose, expert 1 two of prose; expert 2 none
    one = trace([[0], [0], [0], [0], [1], [1]], [0, 0, 1, 2, 2, 2], [7] * 6, [0, 0, 1])
    first, second = gets(Counted.of(one, ("domain",)), one.layers[0])
    assert (first.expert, first.share, second.expert, second.share) == (0, 4 / 6, 1, 2 / 6)
    [code] = first.over["domain"]
    # by chance 3 * 4 / 6 = 2 slots, so 3 are 1.5 times that and 1 too many, a quarter of the expert's four
    assert (code.name, code.slots, code.documents, code.times) == ("code", 3, 2, 1.5)
    assert first.excess == 0.25
    [prose] = second.over["domain"]
    # by chance 3 * 2 / 6 = 1
    assert (prose.name, prose.slots, prose.documents, prose.times) == ("prose", 2, 1, 2.0)


@pytest.mark.parametrize(("documents", "named"), [(9, ()), (10, ("7",))])
def test_a_token_counts_if_it_comes_from_ten_documents(documents, named):
    # of each document two rows: token 7 goes to expert 0, token 8 to expert 1
    one = trace([[0], [1]] * documents, np.repeat(range(documents), 2), [7, 8] * documents, np.arange(documents) % 2)
    found = gets(Counted.of(one, ()), one.layers[0])
    assert tuple(over.name for over in found[0].over[TOKEN]) == named


def test_missing_labels_and_empty_slots_count_nowhere():
    one = trace([[0, -1], [0, 1], [1, -1]], [0, 1, 2], [1, 2, 3], [0, 1, -1])
    found = {got.expert: got.over["domain"] for got in gets(Counted.of(one, ("domain",)), one.layers[0])}
    # three slots have a label: (0, code), (0, prose), (1, prose); by chance (0, code) has 2 * 1 / 3
    assert [(over.name, over.times) for over in found[0]] == [("code", 1.5)]
    assert [(over.name, over.times) for over in found[1]] == [("prose", 1.5)]
