import json
from dataclasses import fields
from types import MappingProxyType

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics import RunArrays, Undefined, compute
from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.store.atomic import write_npz
from moe_lab.store.run import Run
from moe_lab.store.schema import LAYOUTS


def test_sizes(tiny):
    arrays = RunArrays.from_files(tiny)
    assert (arrays.samples, arrays.experts, arrays.classes) == (5, 4, 3)


def test_derived_quantities_by_hand(tiny):
    arrays = RunArrays.from_files(MappingProxyType({name: MappingProxyType(file) for name, file in tiny.items()}))
    np.testing.assert_array_equal(arrays.routed_N, [True, True, True, True, False])
    assert arrays.routed_count == 4
    # 2 / 2 = 1 in the third row, .25 / .5 = .5 in the fourth
    np.testing.assert_array_equal(
        arrays.normalized_weights_ME, [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0]]
    )
    # ties of samples 1 and 3 go to the lower index
    np.testing.assert_array_equal(arrays.expert_N, [0, 0, 1, 1, -1])
    np.testing.assert_array_equal(arrays.expert_own_prediction_M, [0, 0, 1, 1])
    np.testing.assert_array_equal(arrays.label_counts_EC, [[2, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(arrays.prediction_counts_EC, [[2, 0, 0], [0, 2, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(arrays.load_E, [2, 2, 0, 0])


@pytest.mark.parametrize(("task", "kind"), [("classification", ClassArrays), ("regression", NumberArrays)])
def test_every_array_of_the_schema_has_a_field_that_names_its_axes(task, kind):
    wanted = {f"{name}_{axes}" for name, (axes, _) in LAYOUTS[task].items()}
    assert {field.name for field in fields(kind) if field.name.rpartition("_")[2].isupper()} == wanted


def test_each_field_is_the_array_of_its_name(tiny):
    arrays = RunArrays.from_files(tiny)
    for name, (axes, _) in LAYOUTS["classification"].items():
        assert getattr(arrays, f"{name}_{axes}") is tiny["routing"].get(name), name


def test_weights_are_normalized_in_float64(random_arrays, run_arrays):
    rows = run_arrays(random_arrays(0)).normalized_weights_ME
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-15)


def test_gate_logits_and_overflow_may_be_absent(tiny, random_arrays, run_arrays):
    assert RunArrays.from_files(tiny).gate_logits_NE is None
    routing = random_arrays(0)
    assert run_arrays(routing).gate_logits_NE is routing["gate_logits"]
    del routing["overflow"]
    entry = compute(run_arrays(routing))["overflow_share"]
    assert entry == {"value": None, "unit": "fraction", "reason": "the experts of this gate have no capacity"}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("label", lambda a: a[:-1], "label has 4 along N, the arrays before it 5"),
        ("label", lambda a: a + 1, r"label holds classes outside 0 \.\. 2"),
        ("label", lambda a: a.astype(float), r"label should be \(N\) integers, but is \(5,\) float64"),
        ("prediction", lambda a: a - 1, "prediction holds classes outside"),
        ("expert_prediction", lambda a: a + 1, "expert_prediction holds classes outside"),
        ("expert_prediction", lambda a: a[:, :3], "expert_prediction has 3 along E"),
        ("weights", lambda a: a[0], r"weights should be \(N, E\) floats, but is \(4,\) float32"),
        ("weights", lambda a: a * np.nan, "weights holds NaN"),
        ("weights", lambda a: -a, "negative"),
        ("probs", lambda a: a + np.inf, "infinite"),
        ("log_probs", lambda a: a * np.nan, "log_probs holds NaN"),
        ("selected", lambda a: a.astype(int), r"selected should be \(N, E\) booleans"),
    ],
)
def test_what_no_finished_run_writes_is_refused(tiny, name, change, message):
    routing, evaluation = tiny["routing"], tiny["evaluation"]
    with pytest.raises(RunError, match=message):
        RunArrays.from_files({"routing": routing | {name: change(routing[name])}, "evaluation": evaluation})


def test_an_empty_split_is_refused(tiny):
    routing, evaluation = tiny["routing"], tiny["evaluation"]
    with pytest.raises(RunError, match="test split is empty: N=0, C=3, E=4"):
        RunArrays.from_files(
            {"routing": {name: array[:0] for name, array in routing.items()}, "evaluation": evaluation}
        )


def test_missing_arrays_are_named_with_their_file(tiny):
    routing, evaluation = tiny["routing"], tiny["evaluation"]
    whole = dict(routing)
    del routing["weights"], routing["label"], evaluation["parameters_active"]
    with pytest.raises(RunError, match=r"routing\.npz lacks label, weights"):
        RunArrays.from_files({"routing": routing, "evaluation": evaluation})
    with pytest.raises(RunError, match=r"evaluation\.npz lacks parameters_active"):
        RunArrays.from_files({"routing": whole, "evaluation": evaluation})


def write_run(folder, **files):
    folder.joinpath("status.json").write_text(json.dumps({"status": "finished"}))
    for name, arrays in files.items():
        write_npz(folder / f"{name}.npz", arrays)
    return Run(folder)


def test_from_a_run_folder(tiny, tmp_path):
    stored = RunArrays.from_run(write_run(tmp_path, **tiny))
    assert compute(stored) == compute(RunArrays.from_files(tiny))


def test_a_wrong_run_folder_is_named(tiny, tmp_path):
    wrong = {"routing": tiny["routing"] | {"label": tiny["routing"]["label"] + 9}}
    run = write_run(tmp_path, **tiny | wrong)
    with pytest.raises(RunError, match=f"{tmp_path.name}: label holds classes outside"):
        RunArrays.from_run(run)


def test_other_files_and_the_history_are_read_when_they_are_asked_for(tiny, tmp_path):
    run = write_run(tmp_path, **tiny)
    tmp_path.joinpath("attributes.npz").write_text("broken")
    tmp_path.joinpath("history.csv").write_text("epoch,lr\n1,0.5\n2,\n")
    rows = [{"epoch": 1, "lr": 0.5}, {"epoch": 2, "lr": None}]
    for arrays in (RunArrays.from_run(run), RunArrays.from_files(tiny, rows)):
        np.testing.assert_array_equal(arrays.stored("assignments")["expert"], tiny["assignments"]["expert"])
        assert arrays.stored("assignments") is arrays.stored("assignments")
        assert arrays.history == rows
        with pytest.raises(Undefined, match=r"^similarity\.npz was not stored$"):
            arrays.stored("similarity")
    with pytest.raises(RunError, match=r"attributes\.npz is torn"):
        RunArrays.from_run(run).stored("attributes")


def test_a_run_without_a_validation_split_history_or_log_probs(tiny, tmp_path):
    del tiny["assignments"], tiny["expert_log_probs"]
    entries = compute(RunArrays.from_run(write_run(tmp_path, **tiny)))
    assert entries["collapse_epoch"]["reason"] == "there is no validation split, so no assignments were stored"
    assert entries["expert_brier_score"]["reason"].startswith("the experts' log-probabilities were not stored")
    assert entries["rich_get_richer"]["reason"] == "the history has no usage_share_0"
