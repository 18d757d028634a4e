"""What holds for the metrics of attributes, references, interventions and similarity, on runs that store them all."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef, mutual_info_score

from moe_lab.metrics import METRICS, RunArrays, compute, elements
from moe_lab.metrics.attribute_tables import by_attribute, p_values
from moe_lab.metrics.formulas import mutual_information_bits
from moe_lab.metrics.similarity import disagreement, error_correlation

PER_EXPERT = {"removed_prediction", "removed_log_likelihood"}
PER_PAIR = {"swapped_errors", "feature_cka", "weight_cosine"}


@pytest.fixture(scope="module")
def files_of(random_arrays):
    """``files_of(seed, N, E)``: every file of a run of three classes."""

    def make(seed: int, N: int = 60, E: int = 4) -> dict[str, dict[str, np.ndarray]]:
        routing, rng = random_arrays(seed, N, E), np.random.default_rng(seed + 1)
        alike_EE = rng.random((E, E))
        alike_EE += alike_EE.T
        attributes = {"class": routing["label"], "ink": rng.random(N), "word": rng.choice(["a", "bc"], N)}
        evaluation = {
            "parameters_total": np.array(10),
            "parameters_active": np.array(5),
            "multiply_adds_total": np.array(20),
            "multiply_adds_active": np.array(9),
            "truth": np.array("word"),
            "reference_untrained": rng.integers(-1, E, N),
            "reference_kmeans_pixels": rng.integers(0, E, N),
            "reference_learnable": rng.integers(0, E, N),
            "feature_cka": alike_EE / 2,
            "weight_cosine": alike_EE / 2,
        }
        interventions = {
            "removed_prediction": rng.integers(0, 3, (N, E)),
            "removed_log_likelihood": -rng.random((N, E)),
            "swapped_errors": np.rint(alike_EE * N / 2).astype(int),
        }
        return {
            "routing": routing,
            "evaluation": evaluation,
            "attributes": attributes,
            "interventions": interventions,
        }

    return make


@given(seed=st.integers(0, 2**32 - 1), N=st.integers(1, 40), E=st.integers(2, 5))
@settings(deadline=None, max_examples=25)
def test_values_lie_within_bounds_or_are_null_with_a_reason(files_of, seed, N, E):
    for name, entry in compute(RunArrays.from_files(files_of(seed, N, E))).items():
        values = elements(entry["value"])
        assert (None in values) == ("reason" in entry), name
        low, high = METRICS[name].bounds(experts=E, classes=3)
        for value in filter(None, values):
            assert low is None or low - 1e-6 <= value, name
            assert high is None or value <= high + 1e-6, name


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_permuting_samples_changes_nothing(files_of, seed):
    files = files_of(seed)
    order = np.random.default_rng(seed).permutation(60)
    permuted = {
        file: {name: array[order] if array.shape[:1] == (60,) else array for name, array in arrays.items()}
        for file, arrays in files.items()
    }
    after = compute(RunArrays.from_files(permuted))
    for name, entry in compute(RunArrays.from_files(files)).items():
        assert after[name]["value"] == pytest.approx(entry["value"], abs=1e-9), name


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_permuting_experts_permutes_only_what_is_per_expert(files_of, seed):
    """Clusters and references are parts without numbers; pairs are named by their experts."""
    files, order = files_of(seed), np.random.default_rng(seed).permutation(4)
    permuted = {
        "routing": {n: a[:, order] if a.shape[1:] == (4,) else a for n, a in files["routing"].items()},
        "interventions": {
            n: a[order][:, order] if n in PER_PAIR else a[:, order] for n, a in files["interventions"].items()
        },
        "evaluation": {n: a[order][:, order] if n in PER_PAIR else a for n, a in files["evaluation"].items()},
        "attributes": files["attributes"],
    }
    place = np.argsort(order)
    most_EC = np.sort(RunArrays.from_files(files).label_counts_EC, axis=0)
    tied = (most_EC[-1] == most_EC[-2]).any()
    permuted["evaluation"]["reference_learnable"] = place[files["evaluation"]["reference_learnable"]]
    after = compute(RunArrays.from_files(permuted))
    for name, entry in compute(RunArrays.from_files(files)).items():
        value = entry["value"]
        if isinstance(value, list):
            value = [value[e] for e in order]
        if name == "removal_classes_drop" and tied:
            continue  # a class that two experts share evenly is the first one's
        if name == "swap_drop":
            pairs = itertools.combinations(range(4), 2)
            value = {f"{e}-{f}": value["{}-{}".format(*sorted((order[e], order[f])))] for e, f in pairs}
        assert after[name]["value"] == pytest.approx(value, abs=1e-9), name


def bits(expert: np.ndarray, value: np.ndarray) -> float:
    table = np.zeros((9, 9))
    np.add.at(table, (expert, value), 1)
    return mutual_information_bits(table)


def test_the_null_is_what_permuting_within_class_gives(files_of):
    """Against 400 permutations of the samples themselves: both means have a standard error of about sd / sqrt n."""
    arrays = RunArrays.from_files(files_of(3, 200, 3))
    found, rng, routed = by_attribute(arrays)["word"], np.random.default_rng(0), arrays.routed_N
    expert, label = arrays.expert_N[routed], arrays.label_N[routed]
    word = np.unique(arrays.stored("attributes")["word"][routed], return_inverse=True)[1]

    def given_class(word):
        return sum(bits(expert[label == c], word[label == c]) * (label == c).mean() for c in range(3))

    plain, within = [], []
    for _ in range(400):
        shuffled = word.copy()
        shuffled[np.argsort(label, kind="stable")] = word[np.lexsort((rng.random(len(word)), label))]
        plain.append(bits(expert, shuffled))
        within.append(given_class(shuffled))
    for ours, theirs in ((found.information_null_D, plain), (found.given_class_null_D, within)):
        assert abs(ours.mean() - np.mean(theirs)) < 4 * np.std(theirs) * np.sqrt(1 / 199 + 1 / 400)
        assert np.quantile(theirs, 0.88) < ours[189] < np.quantile(theirs, 0.99)
    assert found.information == pytest.approx(mutual_info_score(expert, word) / np.log(2))
    assert found.given_class == pytest.approx(given_class(word))


def test_attributes_are_ranked_by_what_is_told_of_them(files_of):
    """ink follows the expert: its tenths tell all of it; words and the class are drawn apart from the expert."""
    files = files_of(0)
    arrays = RunArrays.from_files(files)
    files["attributes"]["ink"] = arrays.expert_N + 0.5
    entries = compute(RunArrays.from_files(files))
    value = entries["attribute_information_per_usage"]["value"]
    assert next(iter(value)) == "ink" and value["ink"] == pytest.approx(1)
    assert list(value.values()) == sorted(value.values(), reverse=True)
    assert set(value) == {"class", "ink", "word", "kmeans_pixels"}
    above = entries["attribute_given_class_bits"]["value"]["ink"]
    assert above > entries["attribute_given_class_null_95_bits"]["value"]["ink"]


def test_p_values_by_hand():
    # five values each, the first is what was found; of two attributes apart, and one that no draw changes
    null = np.array([[1.0, 3.0, 7.0], [2.0, 1.0, 7.0], [3.0, 2.0, 7.0], [4.0, 0.0, 7.0]])
    p, corrected = p_values(np.array([10.0, 4.0, 7.0]), null)
    assert p.tolist() == [1 / 5, 1 / 5, 1]
    # of mean 4 and variance 10 (36 9 4 1 0 / 5), and mean 2 and variance 2: standardized 1.897 and 1.414 are found;
    # the largest of the draws are .707 (1, 3), below 0, 0 and 0 (4, 0): only what was found is as large
    assert corrected.tolist() == [1 / 5, 1 / 5, 1]
    # found is 2 of 2 3 1 4 0, standardized 0; at least that have, of some attribute, all but the draw (2, 1)
    null[2, 1] = 4.0
    p, corrected = p_values(np.array([10.0, 2.0, 7.0]), null)
    assert p.tolist() == [1 / 5, 3 / 5, 1] and corrected.tolist() == [1 / 5, 4 / 5, 1]


def test_one_attribute_needs_no_correction():
    source = np.random.default_rng(0)
    for _ in range(20):
        p, corrected = p_values(source.normal(size=1), source.normal(size=(199, 1)))
        assert p == corrected


def test_of_twenty_attributes_without_information_one_is_found_in_a_twentieth_of_the_runs():
    """Uncorrected in 1 - .95^20 = 64 % of them; a quarter of their variance is common."""
    source, any_raw, any_corrected = np.random.default_rng(0), 0, 0
    for _ in range(1000):
        values = source.normal(size=(200, 20)) * 0.75**0.5 + 0.5 * source.normal(size=(200, 1))
        p, corrected = p_values(values[0], values[1:])
        any_raw, any_corrected = any_raw + (p <= 0.05).any(), any_corrected + (corrected <= 0.05).any()
    # of 1,000 at .05 the standard error is .007
    assert any_raw > 400 and 0.03 < any_corrected / 1000 < 0.071


def test_similarity_against_scikit_learn(random_arrays):
    routing = random_arrays(1, N=80, E=3)
    prediction, label = routing["expert_prediction"], routing["label"]
    wrong = prediction != label[:, None]
    for e, f in itertools.combinations(range(3), 2):
        assert disagreement(prediction)[e, f] == pytest.approx((prediction[:, e] != prediction[:, f]).mean())
        assert error_correlation(wrong)[e, f] == pytest.approx(matthews_corrcoef(wrong[:, e], wrong[:, f]))


def test_why_a_value_is_missing_is_said(files_of):
    files = files_of(0)
    files["evaluation"] |= {"batch_dependent": np.bool_(True)}
    del files["evaluation"]["truth"], files["evaluation"]["reference_learnable"], files["interventions"]
    entries = compute(RunArrays.from_files(files))
    assert "batch-mates" in entries["removal_own_drop"]["reason"]
    assert "true decomposition" in entries["recovery_ari"]["reason"]
    assert "true decomposition" in entries["dispatch_entropy_bits"]["reason"]
    assert "no validation split" in entries["learnable_error_rate"]["reason"]
