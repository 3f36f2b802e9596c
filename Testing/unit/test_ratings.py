"""Tables of answers as people make them, and the sentence for each that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.ratings import (
    ABSENT,
    EMPTY,
    NOT_ASSESSABLE,
    RATED,
    is_paired,
    read_paired,
    read_ratings,
    read_truth,
)

HEADER = "reader,case,arm,item,value"


def saved(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_axes_are_in_text_order_and_cells_in_their_place(tmp_path: Path) -> None:
    path = saved(
        tmp_path, f"{HEADER}\nr2,c10,b,q,5\nr10,c9,a,q,1.5\nr2,c9,a,q,\nr2,c10,a,q,NA: motion\nr10,c10,b,q,2e0\n"
    )
    found = read_ratings(path)
    assert found.readers == ("r10", "r2")
    assert found.cases == ("c10", "c9")
    assert found.arms == ("a", "b")
    item = found.items["q"]
    assert item.first[1, 0, 1] == 5
    assert item.first[0, 1, 0] == 1.5
    assert item.first[0, 0, 1] == 2
    assert item.status[1, 1, 0, 0] == EMPTY
    assert item.status[1, 0, 0, 0] == NOT_ASSESSABLE
    assert item.status[0, 0, 0, 0] == ABSENT
    assert item.status[1, 0, 1, 0] == RATED
    assert item.reasons == {"motion": 1}
    assert np.isnan(item.first).sum() == 5


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffreader;case;arm;item;value\r\nr1;c1;a;q;2,5\r\n\r\nr1;c2;a;q;3\r\n",
        'Reader,Case,ARM,item,value,remark\nr1,c1,a,q,"2,5",fine\n,,,,,\nr1, c2 ,a,q, 3 ,\n',
        "reader\tcase\tarm\titem\tvalue\nr1\tc1\ta\tq\t2.5\n\nr1\tc2\ta\tq\t3.0",
        "\n\nvalue,item,arm,case,reader\n2.5,q,a,c1,r1\n+3,q,a,c2,r1\n",
    ],
    ids=["mark, semicolons, decimal commas, CRLF", "other columns, capitals, spaces", "tabs", "blank top, any order"],
)
def test_tables_as_people_make_them(tmp_path: Path, text: str) -> None:
    found = read_ratings(saved(tmp_path, text))
    assert found.cases == ("c1", "c2")
    assert found.items["q"].first.ravel().tolist() == [2.5, 3.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (f"{HEADER}\n", "no answer"),
        ("reader,case,arm,value\nr,c,a,1\n", "row 1: the column item is missing"),
        ("reader,case,arm,item,item,value\nr,c,a,q,q,1\n", "the column item is there twice"),
        (f"{HEADER}\nr,c,a,q,1\nr,c,a,p,1\n\nr,c,a,q,1\n", "row 5: a second answer of reader r to item q for case c"),
        (f"{HEADER}\nr,c,a,q,1\nr,,a,q,1\n", "row 3: the column case is empty"),
        (f"{HEADER}\nr,c,a,q,1\nr,d,a,q,2\nr,e,a,q,three\n", "row 4, column value: 'three' is not a number"),
        (f"{HEADER}\nr,c,a,q,good\nr,d,a,q,2\nr,e,a,q,bad\n", "row 3, column value: '2' is a number"),
        (f"{HEADER}\nr,c,a,q,1\nr,d,a,q,inf\nr,e,a,q,2\n", "row 3, column value: 'inf' is not a number"),
        (f"{HEADER}\nr,c,a,q,1_0\nr,d,a,q,3\nr,e,a,q,2\n", "row 2, column value: '1_0' is not a number"),
        (f"{HEADER}\nr,c,a,q,1e999\nr,d,a,q,3\nr,e,a,q,2\n", "row 2, column value: '1e999' is not a number"),
        (f"{HEADER}\nr,c,a,q,3,5\n", "row 2: 6 cells under 5 columns"),
        (f'{HEADER}\nr,c,a,q,1.5\nr,d,a,q,"1,234"\n', "row 3: '1,234' has another decimal mark than row 2"),
        (f'{HEADER}\nr,c,a,q,"1\n', "not readable as a table"),
        (f"{HEADER},cluster\nr,c,a,q,1,p\ns,c,a,q,1,o\n", "row 3: the case c is in cluster o, in an earlier row in p"),
        (f"{HEADER},cluster\nr,c,a,q,1,p\ns,d,a,q,1,\n", "row 3: the case d has no cluster"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_ratings(saved(tmp_path, text))
    assert words in str(refused.value)
    assert "table.csv" in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        read_ratings(saved(tmp_path, f"{HEADER}\nr,é,a,q,1\n", "latin-1"))
    with pytest.raises(InputError, match="not a file"):
        read_ratings(tmp_path / "nothing.csv")


def test_a_case_that_the_truth_does_not_know_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, f"{HEADER}\nr,c,a,q,1\nr,x,a,q,1\n")
    with pytest.raises(InputError, match="row 3: the case x is not in the table of the truth"):
        read_ratings(path, {"c": True})


def test_words_are_numbered_in_text_order(tmp_path: Path) -> None:
    path = saved(tmp_path, f"{HEADER}\nr,c1,a,q,recurrence\nr,c2,a,q,other\nr,c3,a,q,NA:blurred\nr,c4,a,q,NA\n")
    item = read_ratings(path).items["q"]
    assert item.words == ("other", "recurrence")
    assert item.first[0, :2, 0].tolist() == [1.0, 0.0]
    scores = item.scores("other")
    assert scores is not None
    assert scores[0, :2, 0].tolist() == [0.0, 1.0]
    assert np.isnan(scores[0, 2:, 0]).all()
    assert item.scores("treatment") is None


def test_repeats_are_ordered_by_number_and_the_first_reading_counts(tmp_path: Path) -> None:
    rows = "r,c1,a,q,3,10\nr,c1,a,q,1,2\nr,c2,a,q,,2\nr,c2,a,q,4,10\n"
    found = read_ratings(saved(tmp_path, f"{HEADER},repeat\n{rows}"))
    assert found.repeats == ("2", "10")
    assert found.items["q"].first.ravel().tolist() == [1.0, 4.0]


def test_truth_is_zero_and_one_or_two_words(tmp_path: Path) -> None:
    found = read_truth(saved(tmp_path, "case,truth\nc1,1\nc2,0\nc3,\nc4,n/a\n"))
    assert found.positive == {"c1": True, "c2": False, "c3": None, "c4": None}
    words = read_truth(saved(tmp_path, "case;truth\nc1;recurrence\nc2;response\n"), "recurrence")
    assert words.positive == {"c1": True, "c2": False}
    assert words.word == "recurrence"


@pytest.mark.parametrize(
    ("text", "positive", "words"),
    [
        ("case,truth\nc,1\nd,0\nc,1\n", None, "row 4: a second truth of the case c; the first is row 2"),
        ("case,truth\nc,1\nd,yes\n", None, "row 3: the truth of case d is 'yes'"),
        ("case,truth\nc,1\nd,1\n", None, "every case has the truth '1'"),
        ("case,truth\nc,0\nd,0\n", None, "no case has the truth '1'"),
        ("case,truth\nc,yes\nd,no\n", "Yes", "no case has the truth 'Yes' (there is yes, no)"),
        ("case,truth\nc,yes\nd,no\ne,maybe\n", "yes", "row 4: 'maybe' is a third word"),
        ("case,truth\n,1\nd,0\n", None, "row 2: the column case is empty"),
        ("case,diagnosis\nc,1\n", None, "the column truth is missing"),
    ],
)
def test_truth_that_is_not_clear_is_refused(tmp_path: Path, text: str, positive: str | None, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_truth(saved(tmp_path, text), positive)
    assert words in str(refused.value)


def test_pairs_without_a_value_are_counted_and_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path, "case;x;y\nc1;1,5;2\nc2;;3\nc3;4;NA\nc4;2;2,5\n")
    assert is_paired(path)
    found = read_paired(path)
    assert found.cases == ("c1", "c4")
    assert found.x.tolist() == [1.5, 2.0]
    assert found.incomplete == 2
    assert not is_paired(saved(tmp_path, f"{HEADER}\nr,c,a,q,1\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case,x,y\nc,1,2\nc,1,2\n", "row 3: a second pair for the case c"),
        ("case,x,y\nc,1,two\n", "row 2, column y: 'two' is not a number"),
        ("case,x,y\nc,1,\n", "no case has both"),
        ("case,x\nc,1\n", "the column y is missing"),
    ],
)
def test_pairs_that_are_not_clear_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_paired(saved(tmp_path, text))
    assert words in str(refused.value)
