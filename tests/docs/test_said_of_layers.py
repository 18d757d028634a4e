"""In how many of ten seeds a layer follows one attribute more than another, as two pages say."""

from tests.docs.sentences import Kept

places, patches = Kept("layers/digits/study-runs.csv"), Kept("mixture-layers/runs.csv")


def test_what_each_layer_follows_in_images():
    """What docs/studies/layers.md and mixture-layers.md say of ink and place, in how many of ten seeds."""
    share = "{}.attribute_information_per_usage: {}"

    def more(kept, arm, ours, theirs):
        pairs = zip(kept.of(arm, share.format(*ours)), kept.of(arm, share.format(*theirs)), strict=True)
        return sum(one > other for one, other in pairs)

    for arm in ("switch", "top_k"):
        assert more(places, arm, ("block0", "patch_ink"), ("block1", "patch_ink")) == 10
        assert more(places, arm, ("block0", "patch_ink"), ("block0", "class")) < 5
    arm = "mixture layers"
    assert more(patches, arm, ("block0", "position"), ("block1", "position")) == 10
    assert more(patches, arm, ("block0", "patch_ink"), ("block1", "patch_ink")) == 9
    for of in ("position", "patch_ink"):
        assert more(patches, arm, ("block0", of), ("block0", "class")) == 10
        assert more(patches, arm, ("block1", "class"), ("block1", of)) == 10
