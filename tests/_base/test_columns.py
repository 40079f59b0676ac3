"""The reader of text files, beside `numpy.genfromtxt` and by what each kind of file must give."""

import gzip
import io

import numpy as np
import pytest

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError

NAN = float("nan")
ROWS = [("t", "a b", "c"), ("1", "2.5", "NA"), ("2", "", "-1e3"), ("3", "nan", "7")]


def written(folder, text, name="table.txt"):
    file = folder / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("mark", [",", ";", "\t", " , ", "; "])
@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_comments_missing_numbers_and_archives(tmp_path, mark, name, newline):
    text = "\ufeff# made by hand" + newline + newline.join(mark.join(row) for row in ROWS) + newline + "  # the end\n\n"
    found = Columns.read(written(tmp_path, text, name))
    assert (found.head, found.lines) == (("t", "a b", "c"), (3, 4, 5))
    peer = np.genfromtxt(
        io.StringIO("\n".join(",".join(row) for row in ROWS[1:])),
        delimiter=",",
        missing_values="NA",
        filling_values=NAN,
    )
    np.testing.assert_array_equal(np.stack([*found.numbers("t", "a b", "c").values()], 1), peer)


def test_spaces_separate_where_nothing_else_does(tmp_path):
    text = '  time   "mRNA count"\tcell\n1 20   x\n10\t3 "y z" \n'
    found = Columns.read(written(tmp_path, text.replace("\t", " ", 1)))
    np.testing.assert_array_equal(found.numbers("mRNA count")["mRNA count"], [20, 3])
    assert found.words("cell") == {"cell": ["x", "y z"]}


def test_one_column_may_have_spaces_in_its_name(tmp_path):
    assert Columns.read(written(tmp_path, "mRNA count\n3\n4\n")).numbers("mRNA count")["mRNA count"].tolist() == [3, 4]


def test_quotes_keep_separators(tmp_path):
    found = Columns.read(written(tmp_path, 'name;"a,b"\n"x;y";1\n'))
    assert (found.head, found.rows) == (("name", "a,b"), (("x;y", "1"),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "t,P\n# comment\n1,x\n2,3\n3,1;5\n",
            "line 3, column 'P': 'x' is not a number\n- line 5, column 'P': '1;5' is",
        ),
        ("t,P\n\n1,3,4\n2\n", "line 3 has 3 columns, the head has 2\n- line 4 has 1 columns"),
        ("t,P\n,3\n", "line 2, column 't': the number is missing"),
        ("time,P\n1,3\n", "unknown column 't'; known: time, P"),
        ("t,P,P\n1,3,4\n", "the head has column 'P' 2 times"),
        ('t,P\n1,"3\n2,4\n', "line 2 cannot be split into columns"),
        ("t,P\n# 1,2\n", "needs a head"),
        ("", "needs a head"),
    ],
)
def test_faults_are_told_with_line_and_column(tmp_path, text, message):
    with pytest.raises(InputError) as fault:
        Columns.read(written(tmp_path, text)).numbers("t", "P", needed=["t"])
    assert message in str(fault.value)
    assert "table.txt" in str(fault.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(b"t,P\n1,2\n" * 50)[:-12])
    (tmp_path / "latin.csv").write_bytes("t,\u00e4\n1,2\n".encode("latin-1"))
    for name, message in [("broken.csv.gz", "cannot be read"), ("latin.csv", "UTF-8"), ("none.csv", "cannot be read")]:
        with pytest.raises(InputError, match=message):
            Columns.read(tmp_path / name)
