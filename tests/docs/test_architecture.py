from pathlib import Path

from docs.architecture import FLOORS, ROOMS, drawn, needs, picture

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_is_up_to_date():
    again = "run: python -m docs.architecture > docs/images/architecture.svg"
    assert (DOCS / "images" / "architecture.svg").read_text() == picture(), again


def test_the_page_names_every_room():
    page = (DOCS / "architecture.md").read_text()
    assert [room for room in ROOMS if f"`{room}" not in page] == []


def test_arrows_that_another_way_says_are_left_out():
    # a -> c is said by a -> b -> c
    graph = {"sweeps": {"experiment", "errors"}, "experiment": {"errors"}, "errors": set()}
    assert list(drawn(graph)) == [("sweeps", "experiment"), ("experiment", "errors")]


def test_every_arrow_leads_down():
    assert all(FLOORS[other] < FLOORS[room] for room, others in needs().items() for other in others)
