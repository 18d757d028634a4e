from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import TITLES
from moe_lab.reports.run.groups import COVER, groups

SIZES = {"experts": 5, "classes": 10}
S = "\N{NO-BREAK SPACE}"


def test_groups_in_order_with_what_stands_on_their_cover():
    metrics = {
        "adjusted_rand_index": {"value": None, "unit": "ratio", "reason": "collapsed"},
        "purity": {"value": 0.5, "unit": "fraction"},
        "regret_nats": {"value": 0.25, "unit": "nats"},
        "shoe_size": {"value": 43, "unit": "count"},
        "test_rmse": {"value": None, "unit": "y", "reason": "the targets are classes, not numbers"},
    }
    found = groups(metrics, **SIZES)
    assert [group.title for group in found] == ["Competence", "Agreement with the labels", "Other"]
    assert [group.cover for group in found] == [(("regret", f"0.25{S}nats"),), (("purity", f"50.0{S}%"),), ()]
    assert [number.name for number in found[1].numbers] == ["adjusted_rand_index", "purity"]


def test_a_group_without_values_says_why():
    alone = {"value": None, "unit": "ratio", "reason": "there is only one expert"}
    (group,) = groups({"purity": alone, "adjusted_rand_index": alone}, **SIZES)
    assert group.cover == (("undefined: there is only one expert", ""),)
    (group,) = groups({"purity": alone, "adjusted_rand_index": alone | {"reason": "another"}}, **SIZES)
    assert group.cover == ()


def test_covers_show_metrics_of_their_own_group():
    assert COVER.keys() <= TITLES.keys()
    for group, names in COVER.items():
        for name in names:
            assert METRICS[name].group == group, name
