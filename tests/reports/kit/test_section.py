from moe_lab.reports.kit.picture import FULL, HALF, Picture
from moe_lab.reports.kit.section import Section, write_pages


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


PAGE = "![a figure](figures/{0}.svg)\n\nA caption. [Numbers (CSV)](figures/{0}.csv)\n"


def test_figures_of_the_report_before_are_removed_and_other_files_stay(tmp_path):
    """Figures of the new report, a user's files, also those she has put onto the page, and what is no file."""

    def write(*stems):
        pages = {"report.md": "".join(PAGE.format(stem) for stem in stems), "report.html": ""}
        assert write_pages(tmp_path, pages, [Section("t", (picture(stem, HALF),)) for stem in stems]).exists()
        return sorted(path.name for path in (tmp_path / "figures").iterdir())

    assert write("a", "b") == ["a.csv", "a.svg", "b.csv", "b.svg"]
    for own in ("mine.svg", "mine.csv", "shown.svg"):
        (tmp_path / "figures" / own).touch()
    (tmp_path / "figures" / "c.svg").mkdir()
    with (tmp_path / "report.md").open("a") as file:
        file.write("![mine](figures/shown.svg)\n" + PAGE.format("../a") + PAGE.format("c"))
    assert write("b") == ["b.csv", "b.svg", "c.svg", "mine.csv", "mine.svg", "shown.svg"]


def test_nothing_is_removed_through_a_link(tmp_path):
    """A folder of figures, or a page, that leads elsewhere: the folder's files stay, the page is not read."""
    other, linked, paged = (tmp_path / name for name in ("other", "linked", "paged"))
    for folder in (other, linked, paged):
        folder.mkdir()
    for stem in ("a.svg", "a.csv"):
        (other / stem).touch()
    (linked / "figures").symlink_to(other)
    (linked / "report.md").write_text(PAGE.format("a"))
    write_pages(linked, {}, [])
    assert len(list(other.iterdir())) == 2
    picture("a", HALF).save(paged)
    (paged / "report.md").symlink_to(linked / "report.md")
    write_pages(paged, {}, [])
    assert len(list((paged / "figures").iterdir())) == 2
