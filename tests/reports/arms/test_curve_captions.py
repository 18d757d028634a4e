"""The caption of learning curves says what these lines are, not what others might be."""

import pytest

from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.curves import learning_curves
from moe_lab.reports.arms.look import Look

BOTH = ("on the validation split", "on the training data")
HEADER = "epoch,train_error_rate,validation_error_rate\n"


@pytest.mark.parametrize(
    ("validation", "seeds", "said"),
    [
        (
            {"softmax": "0.2", "attentive": "0.3"},
            2,
            f"{BOTH[0]} after each epoch. Thin lines: each seed. ",
        ),
        (
            {"softmax": "", "attentive": ""},
            1,
            f"{BOTH[1]} after each epoch; there is no validation split. ",
        ),
        ({"softmax": "0.2", "attentive": ""}, 1, "dashed: on the training data, in arms without a validation split. "),
    ],
)
def test_of_which_split_the_lines_are(light, validation, seeds, said):
    runs = []
    for gate, error in validation.items():
        for seed in range(seeds):
            runs.append(light(f"{gate}{seed}", {"gate": gate, "seed": seed}, {"test_error_rate": 0.1}))
            (runs[-1].path / "history.csv").write_text(f"{HEADER}1,0.4,{error}\n2,0.3,{error}\n")
    arms = collect(runs).arms
    [picture] = learning_curves(arms, Look(arms))
    assert said + "Markers at the end: the test split." in picture.caption
    assert ("Thin lines" in picture.caption) == (seeds > 1)
