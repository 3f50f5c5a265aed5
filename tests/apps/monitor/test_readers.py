from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.apps.monitor.batches import Batch
from tfapp.apps.monitor.readers.folder import FolderReader
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.lines import LONGEST_LINE, line_row
from tfapp.apps.monitor.readers.pipe import PipeReader
from tfapp.apps.monitor.readers.table import TableReader
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.errors import DataError


def line(number: int) -> str:
    return json.dumps({"id": number, "text": f"text {number}"}) + "\n"


def ids(batches: Iterable[Batch]) -> list[Any]:
    rows = [place.row for batch in batches for place in batch.rows]
    return [row.values["id"] if isinstance(row, Record) else row.reason for row in rows]


def read(file: Path, position: Any = None, **options: Any) -> tuple[list[Any], Any]:
    """Reads what there is; gives the ids and the last checkpoint's position."""
    batches = list(FileFollower(file, position, follow=False, **options).batches(threading.Event()))
    return ids(batches), batches[-1].checkpoint.position if batches and batches[-1].checkpoint else position


def follow(reader: Any, count: int, then: Callable[[int], None]) -> list[Any]:
    """Reads on until so many rows are there; `then` does something after each batch."""
    stop, numbers = threading.Event(), []
    for batch in reader.batches(stop):
        numbers += ids([batch])
        then(len(numbers))
        if len(numbers) >= count:
            stop.set()
    return numbers


def test_it_goes_on_behind_what_was_stored(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + line(2))
    first, position = read(file, size=1)
    assert first == [1, 2]
    with file.open("a") as out:
        out.write(line(3) + '{"id": 4')
    assert read(file, position, ended=True)[0] == [3]
    assert read(file, position)[0] == [3, "not valid JSON: Expecting ',' delimiter at column 9"]


def test_a_file_that_was_renamed_while_nobody_followed_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + line(2))
    _, position = read(file)
    with file.open("a") as out:
        out.write(line(3))
    file.rename(tmp_path / "app.jsonl.1")
    file.write_text(line(4))
    assert read(file, position)[0] == [3, 4]


def test_a_file_that_is_renamed_while_it_is_followed_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1))

    def rotate(rows: int) -> None:
        if rows == 1:
            old = file.open("a")
            file.rename(tmp_path / "app.jsonl.1")
            old.write(line(2))
            old.close()
            file.write_text(line(3))

    assert follow(FileFollower(file, pause=0.01), 3, rotate) == [1, 2, 3]


def test_a_file_that_was_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + line(2))
    _, position = read(file)
    file.write_text(line(3))
    assert read(file, position)[0] == [3]
    # As long as it was, and another one.
    file.write_text(line(4) + line(5))
    assert read(file, position)[0] == [4, 5]


def test_a_file_that_is_cut_while_it_is_followed_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + line(2))

    def cut(rows: int) -> None:
        if rows == 2:
            os.truncate(file, 0)
            file.write_text(line(3))

    assert follow(FileFollower(file, pause=0.01), 3, cut) == [1, 2, 3]


def test_a_file_that_is_cut_and_has_grown_beyond_what_was_read_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + line(2))

    def cut(rows: int) -> None:
        if rows == 2:
            file.write_text(line(3) + line(4) + line(5))

    assert follow(FileFollower(file, pause=0.01), 5, cut) == [1, 2, 3, 4, 5]


def test_a_file_may_come_later(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    timer = threading.Timer(0.05, lambda: file.write_text(line(1)))
    timer.start()
    assert follow(FileFollower(file, pause=0.01), 1, lambda _: None) == [1]
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "none.jsonl")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 40)),
        st.just(("read", 0)),
        st.just(("rotate", 0)),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(steps, st.integers(1, 3))
def test_whatever_happens_to_a_file_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int]], size: int
) -> None:
    """Bytes are appended, the file is rotated after it was read at least once since, and reading stops and goes on."""
    folder = tmp_path_factory.mktemp("follow")
    file, stream = folder / "app.jsonl", b"".join(line(number).encode() for number in range(60))
    file.touch()
    numbers, position, rotations, read_since = [], None, 0, False
    for step, count in plan:
        if step == "write":
            part, stream = stream[:count], stream[count:]
            with file.open("ab") as out:
                out.write(part)
        elif step == "read":
            rows, position = read(file, position, size=size, ended=True)
            numbers += rows
            read_since = position is not None
        elif read_since:
            # A writer rotates between lines.
            rest = stream[: stream.find(b"\n") + 1] if not file.read_bytes().endswith(b"\n") else b""
            stream = stream[len(rest) :]
            with file.open("ab") as out:
                out.write(rest)
            rotations += 1
            file.rename(folder / f"app.jsonl.{rotations}")
            file.touch()
            read_since = False
    rows, _ = read(file, position, size=size, ended=True)
    numbers += rows
    assert numbers == list(range(len(numbers)))
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert len(numbers) == content.count(b"\n")


def test_lines_that_cannot_be_used_are_rejected() -> None:
    cases = {
        b"{": "not valid JSON",
        b"[1]": "expected a JSON object, got list",
        b'{"text": "\xff"}': "byte 0xff is not utf-8",
        b'{"text": "' + b"x" * LONGEST_LINE: "the line has more than",
    }
    for content, reason in cases.items():
        place = line_row("byte 0", content)
        assert place is not None
        assert isinstance(place.row, RejectedRow)
        assert reason in place.row.reason
    assert line_row("byte 0", b"  \r\n") is None


def test_a_line_that_is_too_long_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_text(line(1) + "x" * (3 * LONGEST_LINE) + "\n" + line(2))
    rows, position = read(file)
    assert rows == [1, f"the line has more than {LONGEST_LINE} bytes", 2]
    assert position["offset"] == file.stat().st_size


def test_a_folder_is_read_file_by_file_and_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1) + line(2))
    (tmp_path / "b.csv").write_text("id,text\n3,three\n4,four\n")
    (tmp_path / "c.txt").write_text("five")
    (tmp_path / ".draft.jsonl").write_text(line(9))
    (tmp_path / "d.pdf").write_text("no")
    batches = list(FolderReader(tmp_path, {}, follow=False, size=1).batches(threading.Event()))
    numbers = ids(batches)
    assert numbers[:4] == [1, 2, "3", "4"]
    assert numbers[4].startswith("c.txt ")
    positions = {batch.checkpoint.name: batch.checkpoint.position for batch in batches if batch.checkpoint}
    assert list(FolderReader(tmp_path, positions, follow=False).batches(threading.Event())) == []
    with (tmp_path / "a.jsonl").open("a") as out:
        out.write(line(5))
    (tmp_path / "e.jsonl").write_text(line(6))
    assert ids(FolderReader(tmp_path, positions, follow=False).batches(threading.Event())) == [5, 6]


def test_a_followed_folder_takes_new_files_in(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1) + '{"id": 2, ')

    def more(rows: int) -> None:
        if rows == 1:
            with (tmp_path / "a.jsonl").open("a") as out:
                out.write('"text": "two"}\n')
            (tmp_path / "b.jsonl").write_text(line(3))

    assert follow(FolderReader(tmp_path, {}, pause=0.01), 3, more) == [1, 2, 3]


def test_a_table_goes_on_behind_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("id,text\n1,one\n2,two,too\n3,three\n")
    batches = list(TableReader(file, size=2).batches(threading.Event()))
    assert ids(batches) == ["1", "3 fields, expected 2", "3"]
    assert batches[0].checkpoint is not None
    assert ids(TableReader(file, batches[0].checkpoint.position).batches(threading.Event())) == ["3"]


def test_a_pipe_is_read_as_lines_come() -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as pipe, os.fdopen(into, "wb", buffering=0) as writer:
        reader = PipeReader(pipe, size=2).batches(threading.Event())
        writer.write((line(1) + line(2) + line(3) + '{"id": 4, ').encode())
        assert ids([next(reader)]) == [1, 2]
        assert ids([next(reader)]) == [3]
        writer.write(b'"text": "four"}\n{"id": 5}')
        assert ids([next(reader)]) == [4]
        writer.close()
        assert ids(reader) == [5]


def test_a_file_of_a_folder_that_cannot_be_read_is_rejected_until_it_changes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.jsonl").write_text(line(1))
    first = list(FolderReader(tmp_path, {}, follow=False).batches(threading.Event()))
    assert ids(first) == [f"{tmp_path / 'a.csv'}: the file is empty; give one that has rows", 1]
    positions = {batch.checkpoint.name: batch.checkpoint.position for batch in first if batch.checkpoint}
    assert list(FolderReader(tmp_path, positions, follow=False).batches(threading.Event())) == []
    (tmp_path / "a.csv").write_text("id,text\n7,seven\n")
    assert ids(FolderReader(tmp_path, positions, follow=False).batches(threading.Event())) == ["7"]
