"""Responses of vLLM: which tokens their rows are of, and which cannot be."""

import json

import pytest

from moe_lab.errors import DataError
from moe_lab.experiment.importers.found import Asked
from moe_lab.experiment.importers.importing import import_trace
from tests.experiment.importers.files import FIRST, json_lines, vllm_choices

ASKED = Asked(experts=4)


def test_missing_tokens_of_vllm_have_no_expert(tmp_path):
    """Of three rows x two layers that route, one row was in the prefix cache and a third one of a layer is blank."""
    cached = FIRST.copy()
    cached[0, 1:] = -1
    cached[1, 2] = 0
    trace = import_trace([json_lines(tmp_path / "a", [cached.tolist()])], asked=ASKED)
    assert trace.layers[0].experts_TK.tolist() == [[-1, -1], [1, 2], [2, 0]]
    assert trace.layers[1].experts_TK.tolist() == [[-1, -1], [-1, -1], [1, 0]]
    assert trace.missing["rows without routing"].startswith("50.0% of rows and layers")
    # one of nine rows and layers of the file
    assert trace.missing["rows of 0"].startswith("11.1% of rows and layers")


def test_several_outputs_of_a_prompt_are_one_document(tmp_path):
    """The prompt's two tokens are counted once: 3 rows of the first output, 1 more of the second."""
    response = json.loads(vllm_choices(tmp_path).read_text())[0]
    response["choices"] *= 2
    trace = import_trace([json_lines(tmp_path / "a", [response])], asked=ASKED)
    assert trace.rows == 4 and trace.documents == 1
    assert trace.position_T.tolist() == [0, 1, 2, 2] and trace.token_id_T.tolist() == [5, 6, 7, 7]
    assert trace.layers[0].experts_TK.tolist() == [*FIRST[:, 1].tolist(), FIRST[2, 1].tolist()]


def answer(prompt, generated, rows, **more):
    """A response of vLLM with so many prompt and generated tokens, and rows of an output."""
    routed = [[[row % 4, (row + 1) % 4]] for row in range(rows)]
    choice = {"token_ids": [*range(10, 10 + generated)], "routed_experts": routed}
    return {"prompt_token_ids": [*range(prompt)], "choices": [choice], **more}


@pytest.mark.parametrize(
    ("rows", "first", "ids"),
    [
        (4, 0, [0, 1, 10, 11]),
        # all tokens, as if the last one had been fed
        (5, 0, [0, 1, 10, 11, 12]),
        # the answer alone: without and with its last token
        (2, 2, [10, 11]),
        (3, 2, [10, 11, 12]),
    ],
)
def test_the_number_of_rows_says_which_tokens_they_are_of(tmp_path, rows, first, ids):
    """Two tokens of a prompt and three of an answer, the last of which is not fed: four rows."""
    trace = import_trace([json_lines(tmp_path / "a", [answer(2, 3, rows)])], asked=ASKED)
    assert trace.position_T.tolist() == [*range(first, first + rows)] and trace.token_id_T.tolist() == ids
    assert ("the first 2 of document 0" in trace.missing.get("first tokens", "")) == (first > 0)


def test_an_answer_of_one_token_has_no_row_beside_its_prompt(tmp_path):
    """Its one token is not fed: the two rows are those of the prompt. More tokens have rows."""
    of_prompt = [[[0, 1]], [[2, 3]]]
    path = json_lines(tmp_path / "a", [answer(2, 1, 0, prompt_routed_experts=of_prompt)])
    trace = import_trace([path], asked=ASKED)
    assert trace.position_T.tolist() == [0, 1] and trace.token_id_T.tolist() == [0, 1]
    assert trace.layers[0].experts_TK.tolist() == [[0, 1], [2, 3]]
    with pytest.raises(DataError, match="has 0 rows of routed_experts in response 0, and its answer has 3 tokens"):
        import_trace([json_lines(tmp_path / "b", [answer(2, 3, 0, prompt_routed_experts=of_prompt)])], asked=ASKED)


def test_a_prefix_without_rows(tmp_path):
    """Nine tokens of a prompt and three of an answer have eleven rows; six are the last ones."""
    trace = import_trace([json_lines(tmp_path / "a", [answer(9, 3, 6), answer(9, 3, 11)])], asked=ASKED)
    assert trace.position_T.tolist() == [*range(5, 11), *range(11)]
    assert trace.token_id_T.tolist()[:6] == [5, 6, 7, 8, 10, 11]
    assert trace.missing["first tokens"].startswith(
        "of 1 of 2 documents the first tokens have no row, such as the first 5"
    )


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (answer(2, 3, 6), "has 6 rows of routed_experts in response 1, and its prompt and answer have 2 \\+ 3 tokens"),
        (answer(2, 3, 1), "has 1 row of routed_experts in response 1, and its prompt and answer have 2 \\+ 3 tokens"),
        (answer(2, 3, 4, prompt_routed_experts=[[[0, 1]]] * 2), "has 4 rows .* its answer has 3 tokens"),
        (answer(2, 3, 2, prompt_routed_experts=[[[0, 1]]] * 3), "has 3 rows of prompt_routed_experts .* has 2 tokens"),
    ],
)
def test_rows_that_cannot_be_of_the_tokens_are_refused(tmp_path, response, said):
    path = json_lines(tmp_path / "a", [answer(2, 3, 4), response])
    with pytest.raises(DataError, match=f"a, line 2, {said}.*; save the response again as vLLM returned it"):
        import_trace([path], asked=ASKED)
