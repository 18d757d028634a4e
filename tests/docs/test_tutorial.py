"""What the tutorial says of its forty runs is computed again from them."""

from docs.tables import DOCS, kept_values

ERROR, INFORMATION = "test_error_rate", "mutual_information_expert_label_bits"


def test_what_is_concluded():
    page = (DOCS / "tutorial.md").read_text()
    values = kept_values(DOCS / "studies" / "tutorial" / "gates.csv")

    def mean(arm, metric):
        return sum(values[arm, metric].values()) / len(values[arm, metric])

    gain = mean("softmax + importance", INFORMATION) - mean("softmax", INFORMATION)
    assert f"{gain:.2f} bits" == "0.18 bits" and "by 0.18 bits with the softmax gate" in page
    more = mean("attentive + importance", ERROR) - mean("softmax", ERROR)
    assert f"{more * 100:.1f}" == "0.8" and ".8 points higher" in page
