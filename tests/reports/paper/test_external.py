"""Other people's numbers, read from a CSV file that may be anything."""

import pytest

from moe_lab.errors import RunError
from moe_lab.reports.paper.external import External, Printed, read_external

HEAD = "name,metric,mean,sd,n,source\n"


@pytest.fixture
def read(tmp_path):
    def reader(text, name="theirs.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_external(path)

    return reader


def test_rows_of_one_name_are_one(read):
    rows = [
        'Net,test_error_rate,0.03,0.004,10,"A, 2017"',
        'Net,load_entropy_bits,2.1,,,"A, 2017"',
        "B,test_error_rate,0,,,X",
    ]
    assert read(HEAD + "\n".join(rows)) == [
        External(
            "Net",
            "A, 2017",
            {"test_error_rate": Printed(0.03, 0.004, 10), "load_entropy_bits": Printed(2.1, None, None)},
        ),
        External("B", "X", {"test_error_rate": Printed(0.0, None, None)}),
    ]


def test_columns_in_any_order_and_the_mark_of_a_spreadsheet(read):
    [row] = read("\ufeffsource,n,sd,mean,metric,name\r\nX,3,0.1,0.2,test_error_rate,Net\r\n")
    assert row == External("Net", "X", {"test_error_rate": Printed(0.2, 0.1, 3)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "its first line is nothing, expected name,metric,mean,sd,n,source"),
        ("name,mean\na,1\n", "its first line is name,mean, expected"),
        (HEAD, "has no row below its first line"),
        (HEAD + "a,test_error_rate,0.1,,,b,c\n", "line 2 does not have 6 cells: quote a text with a comma"),
        (HEAD + "a,test_error_rate,0.1\n", "line 2 does not have 6 cells"),
        (HEAD + "a,test_eror_rate,0.1,,,b\n", "no metric named 'test_eror_rate'. Did you mean test_error_rate?"),
        (HEAD + "a,test_error_rate,3.1,,,b\n", "test_error_rate is 3.1, but must be between 0.0 and 1.0; .* 0.031"),
        (HEAD + "a,test_error_rate,x,,,b\n", "mean is 'x', expected a number"),
        (HEAD + "a,test_error_rate,nan,,,b\n", "mean is 'nan', expected a number"),
        (HEAD + "a,test_error_rate,,,,b\n", "mean is '', expected a number"),
        (HEAD + "a,test_error_rate,0.1,-1,,b\n", "sd is -1, expected a number of at least 0"),
        (HEAD + "a,test_error_rate,0.1,,2.5,b\n", "n is '2.5', expected the number of runs"),
        (HEAD + "a,test_error_rate,0.1,,0,b\n", "n is '0', expected the number of runs"),
        (HEAD + ",test_error_rate,0.1,,,b\n", "name is empty"),
        (HEAD + "a,test_error_rate,0.1,,,\n", "source is empty"),
        (HEAD + "a,test_error_rate,0.1,,,b\na,test_error_rate,0.2,,,b\n", "line 3: a has test_error_rate twice"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(read, text, says):
    with pytest.raises(RunError, match=says) as error:
        read(text)
    assert "\n" not in str(error.value) and str(error.value).startswith("--external ")


def test_a_missing_file(tmp_path):
    with pytest.raises(RunError, match="none.csv is missing"):
        read_external(tmp_path / "none.csv")
