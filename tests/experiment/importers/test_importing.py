"""Each format's file becomes the routing that it was made of, by its name and by its content, in memory and on disk."""

import json

import numpy as np
import pytest

import moe_lab
from moe_lab.errors import DataError
from moe_lab.experiment.importers.formats import FORMATS
from moe_lab.experiment.importers.found import Asked, without_routing
from moe_lab.experiment.importers.importing import import_trace
from tests.experiment.importers.files import (
    DOCUMENTS,
    LAYERS,
    MADE,
    SECOND,
    base64_buffer,
    json_lines,
    logits_of,
    megatron_logits,
    sglang,
)
from tests.routing.traces import same

CASES = pytest.mark.parametrize("case", MADE)


def made(case, folder, guess=False):
    name, make, asked = MADE[case]
    documents = folder / "documents.npy"
    np.save(documents, DOCUMENTS)
    given = {"documents": documents} if name == "megatron" else {}
    return import_trace([make(folder)], None if guess else name, asked=Asked(**asked), **given)


@CASES
def test_the_rows_are_those_of_the_model(tmp_path, case):
    trace = made(case, tmp_path)
    sort = case.startswith("megatron")
    # the first layer of a stack, which is dense, is none; OLMoE's scripts count the layers that route
    names = ["decoder1", "decoder2"] if sort else ["layer0", "layer1"] if case == "olmoe" else [*LAYERS]
    assert [layer.name for layer in trace.layers] == names
    for layer, expected in zip(trace.layers, LAYERS.values(), strict=True):
        assert np.array_equal(layer.experts_TK, np.sort(expected, axis=1) if sort else expected)
        assert layer.experts == 4 and layer.ranked == (not sort and case != "llama_cpp")
        assert layer.weights_TK is None
    assert trace.document_T.tolist() == DOCUMENTS
    assert trace.missing["weights"] and trace.checksum.startswith("sha256:")


@CASES
def test_the_format_is_guessed_from_the_content(tmp_path, case):
    assert made(case, tmp_path, guess=True).source.startswith(f"{MADE[case][0]}: ")


@CASES
def test_the_trace_comes_back_from_its_folder(tmp_path, case):
    trace = made(case, tmp_path)
    again = moe_lab.Trace.read(trace.write(tmp_path / "runs" / "one"))
    assert all(map(same, again.layers, trace.layers)) and same(again.document_T, trace.document_T)
    assert {name: again.missing[name] for name in trace.missing} == trace.missing
    assert json.loads((tmp_path / "runs" / "one" / "trace.json").read_text())["source"] == trace.source


def test_logits_beside_a_megatron_trace(tmp_path):
    """Three rows and two; of layer 2 the lines come first."""
    trace = made("megatron, logits", tmp_path)
    for number, layer in enumerate(trace.layers, start=1):
        expected = np.concatenate([logits_of(3, number), logits_of(2, number)])
        assert layer.sample_S.tolist() == [*range(5)] and layer.logits_SE.tolist() == expected.tolist()
    assert "distributions" not in trace.missing
    (tmp_path / "logits_rank0.bin").unlink()
    trace_file, documents = tmp_path / "router_trace_rank0.jsonl", tmp_path / "documents.npy"
    with pytest.raises(DataError, match="--experts is missing"):
        import_trace([trace_file], documents=documents)
    without = import_trace([trace_file], asked=Asked(experts=4), documents=documents)
    assert without.layers[0].logits_SE is None and without.missing["distributions"].startswith("the logits of all rows")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"logit_shape": [3, 5]}, "has logit_shape \\[3, 5\\] and 24 logit_bytes; expected \\[3, experts\\]"),
        ({"logit_shape": "x"}, "has logit_shape 'x'"),
        ({"logit_offset": -2}, "has logit_offset = -2; expected a whole number"),
        ({"logit_offset": 99}, "logits_rank0.bin has 80 bytes, and bytes 99 to 123 are to be read"),
        ({"logit_shape": [3, 2], "logit_bytes": 12}, "has logits of several numbers of experts in layer decoder2"),
    ],
)
def test_logits_that_do_not_fit_are_refused(tmp_path, changed, said):
    path = megatron_logits(tmp_path)
    first, *rest = map(json.loads, path.read_text().splitlines())
    json_lines(path, [first | changed, *rest])
    with pytest.raises(DataError, match=said):
        import_trace([path])


def test_another_number_of_experts_than_that_of_the_logits_is_refused(tmp_path):
    with pytest.raises(DataError, match="has logits of 4 experts a layer; leave --experts out"):
        import_trace([megatron_logits(tmp_path)], asked=Asked(experts=8))


def test_every_format_has_a_file():
    # two have tests of their own, and one of these needs pyarrow
    assert {name for name, _, _ in MADE.values()} | {"router_logits", "flame_moe"} == FORMATS.keys()


@pytest.mark.parametrize(
    ("case", "ids", "positions"),
    [
        ("vllm, lists", None, [0, 1, 2, 0, 1]),
        ("vllm, base64", [5, 6, 7, 5, 9], [0, 1, 2, 0, 1]),
        ("olmoe", [5, 6, 7, 5, 9], [0, 1, 2, 0, 1]),
        ("sglang", None, [0, 1, 2, 0, 1]),
        ("sglang_recorder", [5, 6, 7, 5, 9], [0, 1, 2, 0, 1]),
        ("llama_cpp", None, [0, 1, 2, 0, 1]),
        ("megatron", None, None),
    ],
)
def test_tokens_and_positions(tmp_path, case, ids, positions):
    trace = made(case, tmp_path)
    assert (None if trace.token_id_T is None else trace.token_id_T.tolist()) == ids
    assert (None if trace.position_T is None else trace.position_T.tolist()) == positions
    assert ("token_id" in trace.missing) == (ids is None)


def test_what_the_formats_do_not_say_is_said(tmp_path):
    missing = made("vllm, base64", tmp_path).missing
    one = "layer 0 of 0 to 2 in the file holds 0 alone, as a dense layer does, and is left out"
    assert missing["dense layers"] == one == without_routing([0], 3, 0)
    several = "layers 0, 2 and 3 of 0 to 4 in the file hold -1 alone, as dense layers do, and are left out"
    assert without_routing([0, 2, 3], 5, -1) == several
    assert "never fed" in missing["last token"]
    assert "sorts" in made("megatron", tmp_path).missing["order of choice"]
    assert "shared expert" in made("sglang", tmp_path).missing["shared experts"]


@pytest.mark.parametrize(
    ("dtype", "experts", "expected"), [(np.uint8, 255, -1), (np.uint8, 256, 255), (np.int16, 256, 255)]
)
def test_the_largest_number_without_a_sign_is_none_unless_an_expert_has_it(tmp_path, dtype, experts, expected):
    np.save(tmp_path / "a.npy", np.array([[[255, 1]], [[2, 3]]], dtype=dtype))
    np.save(tmp_path / "documents.npy", [0, 1])
    trace = import_trace([tmp_path / "a.npy"], asked=Asked(experts=experts), documents=tmp_path / "documents.npy")
    assert trace.layers[0].experts_TK.tolist() == [[expected, 1], [2, 3]]


def test_arrays_by_layer_with_what_belongs_to_them(tmp_path):
    weights = np.full((5, 2, 2), 0.5)
    np.savez(
        tmp_path / "a.npz",
        block3=LAYERS["layer1"],
        block5=LAYERS["layer2"],
        weights=weights,
        documents=np.array(["x", "x", "x", "y", "y"]),
        token_ids=[5, 6, 7, 8, 9],
        positions=[0, 1, 2, 0, 1],
    )
    trace = import_trace([tmp_path / "a.npz"], asked=Asked(experts=4))
    assert [layer.name for layer in trace.layers] == ["block3", "block5"]
    assert trace.document_T.tolist() == DOCUMENTS and trace.token_id_T.tolist() == [5, 6, 7, 8, 9]
    assert trace.layers[1].weights_TK.tolist() == weights[:, 1].tolist()
    assert np.array_equal(trace.layers[1].experts_TK, LAYERS["layer2"])


def test_ranks_of_megatron_are_one_after_the_other(tmp_path):
    np.save(tmp_path / "documents.npy", [0, 0, 1, 1])
    line = {"step": 0, "block": "decoder", "layer": 0, "num_tokens": 1, "topk": 1}
    paths = [
        json_lines(
            tmp_path / f"rank{rank}",
            [{**line, "rank": rank, "step": step, "top_indices": [[2 * rank + step]]} for step in (1, 0)],
        )
        for rank in (1, 0)
    ]
    trace = import_trace(paths, asked=Asked(experts=4), documents=tmp_path / "documents.npy")
    assert trace.layers[0].experts_TK.tolist() == [[0], [1], [2], [3]]


def test_labels_of_documents_and_of_rows(tmp_path):
    (tmp_path / "domains.csv").write_text("document,domain\n1,prose\n0,code\n")
    (tmp_path / "kinds.csv").write_text("kind,row\nname,4\n,2\nsign,0\n")
    path = MADE["olmoe"][1](tmp_path)
    trace = import_trace([path], asked=Asked(experts=4), labels=tmp_path / "domains.csv")
    assert trace.document_labels["domain"].names == ("code", "prose")
    assert trace.document_labels["domain"].value.tolist() == [0, 1]
    trace = import_trace([path], asked=Asked(experts=4), labels=tmp_path / "kinds.csv")
    assert trace.row_labels["kind"].names == ("name", "sign")
    assert trace.row_labels["kind"].value.tolist() == [1, -1, -1, -1, 0]


def test_the_users_documents_and_tokens_take_the_place_of_the_files(tmp_path):
    np.save(tmp_path / "documents.npy", [7, 7, 3, 3, 3])
    np.save(tmp_path / "tokens.npy", [1, 2, 3, 4, 5])
    trace = import_trace(
        [MADE["vllm, lists"][1](tmp_path)],
        asked=Asked(experts=4),
        tokens=tmp_path / "tokens.npy",
        documents=tmp_path / "documents.npy",
    )
    assert trace.document_T.tolist() == [0, 0, 1, 1, 1] and trace.position_T is None
    assert trace.token_id_T.tolist() == [1, 2, 3, 4, 5] and "token_id" not in trace.missing


def test_a_shared_expert_of_eight_bits_is_255(tmp_path):
    """The filler of a table in uint8."""
    response = json.loads(sglang(tmp_path).read_text().splitlines()[1])
    table = np.concatenate([SECOND, np.full((2, 3, 1), 255)], axis=2).astype(np.uint8)
    response["meta_info"] |= {"routed_experts": base64_buffer(table), "routed_experts_dtype": "uint8"}
    trace = import_trace([json_lines(tmp_path / "a", [response])], asked=Asked(experts=4, layers=3, k=3))
    assert [layer.name for layer in trace.layers] == ["layer1", "layer2"]
    assert trace.layers[0].experts_TK.tolist() == SECOND[:, 1].tolist()


def test_an_expert_that_is_not_there(tmp_path):
    said = "line 1, holds expert 3 in layer0, and --experts 3 are 0 to 2 \\(row 0 of 3 in layer0\\)"
    with pytest.raises(DataError, match=said):
        import_trace([MADE["olmoe"][1](tmp_path)], asked=Asked(experts=3))


def test_an_expert_twice_in_a_row(tmp_path):
    path = json_lines(tmp_path / "a", [[[[1, 2]]], [[[0, 1]], [[1, 1]]]])
    with pytest.raises(DataError, match="a, line 2, selects an expert twice in row 1 of 2 in layer0: \\[1, 1\\]"):
        import_trace([path], asked=Asked(experts=3))
    np.save(tmp_path / "b.npy", [[[1, 2]], [[2, 2]]])
    np.save(tmp_path / "documents.npy", [0, 1])
    with pytest.raises(DataError, match="b.npy selects an expert twice in row 1 of 2 in layer0"):
        import_trace([tmp_path / "b.npy"], asked=Asked(experts=3), documents=tmp_path / "documents.npy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[[0, 1]]]\n[[[0, 1]", "a, line 2, is not JSON: it ends within a value, .* was the file cut short\\?"),
        ("[[[0, 1]]]\n\n[[[0 1]]]\n", "a, line 3, is not JSON: Expecting ',' delimiter at character 6"),
        ('{"routed_experts": \n{"routed_experts": [[[1]]]}\n', "a, line 1, is not JSON: it ends within a value"),
        ('{"routed_experts":\n [[[1 2]]]}', "a is not JSON: Expecting ',' delimiter at line 2, character 7"),
        ('{"text": "cut', "a is not JSON: it ends within a value, .* at character 10; was the file"),
        ("[[[0, 1]]]\n[[[0, 1]], [[0]]]", "a, line 2, has routed experts with rows of different lengths"),
        ('[{"routed_experts": [[[1]]]}, {"routed_experts": [[1]]}]', "a, object 2 of its list, has routed experts of"),
    ],
)
def test_an_error_names_its_place_in_the_file(tmp_path, text, said):
    (tmp_path / "a").write_text(text)
    with pytest.raises(DataError, match=said):
        import_trace([tmp_path / "a"], "vllm", asked=Asked(experts=3))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("labels", "a CSV of labels"),
        ("tokens", "an .npy file with the token id of each row"),
        ("documents", "an .npy file with the document of each row"),
    ],
)
def test_a_file_of_the_user_that_is_not_there(tmp_path, option, expected):
    path = json_lines(tmp_path / "a", [[[[0, 1]]]])
    with pytest.raises(DataError, match=f"none is not there: expected {expected}$"):
        import_trace([path], asked=Asked(experts=3), **{option: tmp_path / "none"})
