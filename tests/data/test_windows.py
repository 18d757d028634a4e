"""Documents cut into windows, and split so that all of a document is in one split."""

import numpy as np
import pytest
import torch

from moe_lab.data.language.text import BYTE_NAMES, CLASS_OF_BYTE, CLASSES
from moe_lab.data.language.windows import Document, counted, label_of, places, windows_of
from moe_lab.routing.trace import NONE


def document(text, **labels):
    return Document(np.frombuffer(text.encode(), dtype=np.uint8), labels)


def test_every_token_but_the_first_is_predicted_once():
    """abcdefgh in windows of 3: abc -> bcd, def -> efg; h is left over. xyzw: xyz -> yzw; pq is too short."""
    found = windows_of([document("abcdefgh"), document("xyzw"), document("pq")], 3)
    assert [bytes(one.tolist()).decode() for one in found.token_NL] == ["abcd", "defg", "xyzw"]
    assert found.document_N.tolist() == [0, 0, 1] and found.start_N.tolist() == [0, 3, 0]
    split = found.split
    assert split.x_ND.tolist() == [[*b"abc"], [*b"def"], [*b"xyz"]]
    assert split.y_N.tolist() == [[*b"bcd"], [*b"efg"], [*b"yzw"]]
    assert split.x_ND.dtype == split.y_N.dtype == torch.int64
    only = found.of(np.array([1]))
    assert only.document_N.tolist() == [1] and only.index_N.tolist() == [2]


def test_labels_of_some_documents():
    found = label_of([document("a", section="2"), document("b"), document("c", section="1")], "section")
    assert found.names == ("1", "2") and found.value.tolist() == [1, NONE, 0]


def test_numbers_that_do_not_occur_have_no_name():
    found = counted(np.array([NONE, 3, 1, 3]), "abcd")
    assert found.names == ("b", "d") and found.value.tolist() == [NONE, 1, 0, 1]


@pytest.mark.parametrize(
    ("context", "names"),
    [
        (1, ["0"]),
        (3, ["0", "1", "2"]),
        (4, ["0", "1", "2-3", "2-3"]),
        (7, ["0", "1", "2-3", "2-3", "4-6", "4-6", "4-6"]),
    ],
)
def test_names_of_places(context, names):
    assert places(context) == names


def test_names_and_classes_of_bytes():
    assert len(set(BYTE_NAMES)) == 256 and BYTE_NAMES[ord("a")] == "a"
    assert BYTE_NAMES[ord("\n")] == "\N{RETURN SYMBOL}" and BYTE_NAMES[ord(" ")] == "\N{OPEN BOX}"
    assert BYTE_NAMES[0] == "0x00" and BYTE_NAMES[255] == "0xff" and len(set(BYTE_NAMES)) == 256
    names = [*CLASSES, "beyond ASCII"]
    of = {text: names[CLASS_OF_BYTE[ord(text)]] for text in "aZ7 \n_\x80\x00"}
    assert list(of.values()) == [
        "lower case", "upper case", "digit", "space", "newline", "punctuation", "beyond ASCII", "beyond ASCII",
    ]  # fmt: skip
