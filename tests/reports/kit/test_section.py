from moe_lab.reports.kit.picture import FULL, HALF, Picture
from moe_lab.reports.kit.section import Section


def picture(stem, width):
    return Picture(stem, "title", "alt", "caption", b"<svg/>", ({"a": 1},), width)


def test_halves_stand_in_pairs_and_a_single_one_beside_its_caption():
    pictures = tuple(picture(stem, HALF) for stem in "abc")
    assert [(found.stem, place) for found, place in Section("t", pictures).placed] == [
        ("a", "half"),
        ("b", "half"),
        ("c", "lone"),
    ]


def test_a_wide_one_ends_the_pair():
    pictures = (picture("a", HALF), picture("b", FULL), picture("c", HALF))
    assert [(found.stem, place) for found, place in Section("t", pictures).placed] == [
        ("a", "lone"),
        ("b", "wide"),
        ("c", "lone"),
    ]


def test_a_picture_is_saved_with_its_numbers(tmp_path):
    picture("a", HALF).save(tmp_path)
    assert (tmp_path / "figures" / "a.svg").read_bytes() == b"<svg/>"
    assert (tmp_path / "figures" / "a.csv").read_text() == "a\n1\n"
