"""Files with a word and its tag a line, read as texts with spans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text_classes import describe, load, load_table
from tfapp.config import DataSettings
from tfapp.data import Splits, write_starter
from tfapp.data.readers.conll import iter_blocks
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.word_columns import WordColumns
from tfapp.errors import DataError
from tfapp.tasks.experiments import task_settings
from tfapp.tasks.registry import find_task
from tfapp.tasks.settings_proposal import propose_settings
from tfapp.tasks.tagging.settings import TaggingDataSettings

ReadRow = tuple[str, list[tuple[int, int, str]]]

SAMPLE = """-DOCSTART- -X- O O

The DT O
Red NN B-org
Cross NN I-org
in IN O
Rome NN B-place

-DOCSTART- -X- O O
Thanks UH O
\t \t
Ana NN B-person
! . O"""


def read(file: Path, words: tuple[int, int] = (0, -1), block_rows: int = 8192, **options: Any) -> list[ReadRow]:
    rows: list[ReadRow] = []
    for block in iter_blocks(file, ReadOptions(words=WordColumns(*words, **options), block_rows=block_rows)):
        assert block.first_row == len(rows) + 1
        for text, spans in zip(block.columns["text"], block.columns["label"], strict=True):
            rows.append((text, [(span["start"], span["end"], span["label"]) for span in spans]))
    return rows


def save(tmp_path: Path, text: str, name: str = "a.conll") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return tmp_path / name


EXPECTED: list[ReadRow] = [
    ("The Red Cross in Rome", [(4, 13, "org"), (17, 21, "place")]),
    ("Thanks", []),
    ("Ana !", [(0, 3, "person")]),
]


@pytest.mark.parametrize("block_rows", [1, 2, 8192])
def test_sentences_become_texts_with_spans(tmp_path: Path, block_rows: int) -> None:
    assert read(save(tmp_path, SAMPLE), block_rows=block_rows) == EXPECTED
    assert read(save(tmp_path, SAMPLE.replace("\n", "\r\n"))) == EXPECTED


def test_columns_may_be_others_and_tabs_keep_blanks_in_words(tmp_path: Path) -> None:
    file = save(tmp_path, "1\tB-place\tNew York\tx\n2\tO\tno\u00a0break\tx\n")
    assert read(file, (2, 1)) == [("New York no\u00a0break", [(0, 8, "place")])]
    assert read(file, (-2, -3)) == read(file, (2, 1))


WORDS = st.text(st.characters(codec="utf-8", exclude_characters=" \t\r\n"), min_size=1, max_size=6).filter(
    lambda word: not word.isspace() and word != "-DOCSTART-"
)
TAGS = st.sampled_from(["O", "B-a", "B-bc"])


@given(st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=6), max_size=4), st.sampled_from(" \t"))
def test_spans_are_the_words_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]], blank: str
) -> None:
    text = "\n\n".join("\n".join(f"{word}{blank}{tag}" for word, tag in words) for words in sentences)
    rows = read(save(tmp_path_factory.getbasetemp(), text))
    assert len(rows) == len(sentences)
    for (row, spans), words in zip(rows, sentences, strict=True):
        expected = [(word, tag[2:]) for word, tag in words if tag != "O"]
        assert [(row[start:end], label) for start, end, label in spans] == expected
        assert row == " ".join(word for word, _ in words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nalone\n", "line 2: expected at least 2 columns, a word and its tag among them, got 1: 'alone'"),
        ("a\tO\n\tO\n", "line 2: the column of words (data.word_column) is empty"),
        ("a O\n\nb place\n", 'line 3: expected a tag such as O, B-person or I-person, got "place"; mend it, or set'),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = save(tmp_path, text)
    with pytest.raises(DataError) as excinfo:
        read(file)
    assert str(excinfo.value).startswith(f"{file}, {message}")
    assert len(str(excinfo.value).splitlines()) == 1


BROKEN = """in O
Rome I-place

the B-org
Red I-org
Cross I-place

Ana B-person
"""


def load_broken(file: Path, **values: Any) -> Splits:
    settings = TaggingDataSettings.model_validate({"train": str(file), "dev": str(file), "test": str(file), **values})
    return load(settings.model_copy(update={"on_overlap": "keep"}), schema=find_task("tagging").schema)


def test_tags_that_break_their_scheme_are_repaired_and_told(tmp_path: Path) -> None:
    file = save(tmp_path, BROKEN)
    assert read(file) == [
        ("in Rome", [(3, 7, "place")]),
        ("the Red Cross", [(0, 7, "org"), (8, 13, "place")]),
        ("Ana", [(0, 3, "person")]),
    ]
    description = describe(
        str(file), TaggingDataSettings(train="x", on_bad_tags="fail"), schema=find_task("tagging").schema
    )
    (finding,) = description.findings
    assert (description.rows, finding.kind, finding.count, finding.rows) == (3, "bad_tag", 2, (2, 6))
    assert finding.message == (
        f"{file}: 2 words have tags that break the scheme (lines 2, 6): the tag I-place follows O; in IOB2 an entity "
        "begins with B-place; read as conlleval reads them (data.on_bad_tags)"
    )
    assert finding.message in propose_settings(str(file)).notes


def test_sentences_with_bad_tags_are_dropped_or_refused_by_setting(tmp_path: Path) -> None:
    file = save(tmp_path, BROKEN)
    assert read(file, on_bad_tags="drop") == [("Ana", [(0, 3, "person")])]
    with pytest.raises(DataError, match=r"a\.conll, line 2: the tag I-place follows O; .*set data\.on_bad_tags = "):
        read(file, on_bad_tags="fail")
    with pytest.raises(DataError, match="line 4: the tag B-org begins the sentence; in IOB1 an entity begins with I-"):
        read(file, scheme="IOB1", on_bad_tags="fail")
    lenient = [finding.action for finding in load_broken(file).report.findings if finding.kind == "bad_tag"]
    assert lenient == ["repaired"] * 3


def test_too_few_columns_for_the_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected at least 4 columns.*set data\.word_column and data\.tag_column"):
        read(save(tmp_path, "a O\n"), (0, 3))


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert read(save(tmp_path, "\n \n\t\n")) == []
    (block,) = iter_blocks(save(tmp_path, ""), ReadOptions())
    assert list(block.columns) == ["text", "label"]


def test_a_file_is_known_by_its_suffix_and_settings(tmp_path: Path) -> None:
    formats = {"a.conll": "auto", "a.iob": "auto", "a.bio": "auto", "a.txt": "conll"}
    for name, kind in formats.items():
        settings = DataSettings.model_validate({"train": "x", "format": kind})
        table = load_table(str(save(tmp_path, SAMPLE, name)), settings, labels=ALL, schema=find_task("tagging").schema)
        assert table["text"].to_pylist() == [text for text, _ in EXPECTED]
        assert table["row"].to_pylist() == [3, 10, 12]
    file = save(tmp_path, "B-place\tRome\n", "a.data")
    settings = TaggingDataSettings(train="x", format="conll", word_column=1, tag_column=0)
    table = load_table(str(file), settings, labels=ALL, schema=find_task("tagging").schema)
    assert table["label"].to_pylist() == [[{"start": 0, "end": 4, "label": "place"}]]


ALL = ("org", "person", "place")


def test_other_tasks_refuse_words_with_tags_and_tagging_refuses_tables(tmp_path: Path) -> None:
    file = str(save(tmp_path, SAMPLE))
    with pytest.raises(
        DataError, match="the format conll holds words with tags; the task classification needs a file with"
    ):
        load(DataSettings(train=file))
    table = str(save(tmp_path, "text,label\na,b\n", "a.csv"))
    with pytest.raises(
        DataError,
        match=r"the format csv holds single values, no lists; the task tagging needs a file with columns "
        r"\(jsonl, parquet, arrow\) or words with tags",
    ):
        load(DataSettings(train=table), schema=find_task("tagging").schema)


def test_init_proposes_tagging(tmp_path: Path) -> None:
    proposal = propose_settings(str(save(tmp_path, SAMPLE)))
    assert (proposal.task, proposal.rows, "window" in proposal.model) == ("tagging", 3, False)
    assert "types: org, person, place" in proposal.notes[0]
    text = write_starter(proposal, tmp_path / "a.toml", tasks=task_settings()).read_text()
    assert '\ntask = "tagging"\n' in text
    with pytest.raises(DataError, match="no word has a tag other than O"):
        propose_settings(str(save(tmp_path, "a O\n")))
