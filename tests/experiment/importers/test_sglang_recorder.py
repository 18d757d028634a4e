"""SGLang's recorder: what is no such file, or has passes that cannot be, is one line."""

import numpy as np
import pytest
import torch

from moe_lab.errors import DataError
from moe_lab.experiment.importers.importing import import_trace
from tests.experiment.importers.files import LAYERS, sglang_recorder


@pytest.fixture
def refused(tmp_path):
    def refuse(change):
        path = sglang_recorder(tmp_path)
        state = torch.load(path, weights_only=True)
        change(state)
        torch.save(state, path)
        with pytest.raises(DataError) as caught:
            import_trace([path])
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.clear(), "has no records"),
        (lambda state: state.update(records=[]), "has no records"),
        (lambda state: state.update(records=[3]), "a record without topk_ids_of_layer"),
        (lambda state: state["records"][0].pop("topk_ids_of_layer"), "run the recorder with per_token"),
        (lambda state: state["records"][0].update(input_ids=[1]), "1 input_ids, 3 positions"),
        (lambda state: state["records"][0].update(positions=None), "has positions of shape"),
        (lambda state: state["records"][0]["topk_ids_of_layer"].fill_(5), "not among the 5 physical ones"),
        (lambda state: [one["topk_ids_of_layer"].fill_(-1) for one in state["records"]], "nothing was recorded"),
        (lambda state: state.update(last_physical_to_logical_map=torch.zeros(2, 5).long()), "a map of 2 layers"),
        (lambda state: state.update(last_physical_to_logical_map=torch.zeros(3, 5)), "type float32"),
        (lambda state: state["records"][0].update(extend_seq_lens=None), "do not say which document"),
    ],
)
def test_what_is_refused(refused, change, said):
    assert said in refused(change)


def test_code_is_not_run(tmp_path):
    torch.save({"records": np.ones}, tmp_path / "a.pt")
    with pytest.raises(DataError, match="may hold code, which is not read"):
        import_trace([tmp_path / "a.pt"])


def test_the_documents_of_decoding_are_for_the_user_to_say(tmp_path):
    path = sglang_recorder(tmp_path)
    state = torch.load(path, weights_only=True)
    for record in state["records"]:
        record["extend_seq_lens"] = None
    torch.save(state, path)
    np.save(tmp_path / "documents.npy", [0, 1, 2, 0, 1])
    trace = import_trace([path], documents=tmp_path / "documents.npy")
    assert trace.documents == 3 and np.array_equal(trace.layers[1].experts_TK, LAYERS["layer2"])
