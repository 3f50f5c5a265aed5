"""Files appear whole, or stay as they were."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.core.files import read_regular_file, replacing, replacing_folder, sweep_drafts, write_json, write_text


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_text(file, "old")
    with replacing(file) as draft:
        draft.write_text("half")
        assert file.read_text() == "old"
        assert draft.parent == file.parent
        assert draft.name.startswith(".")
        assert draft.suffix == ".json"
        draft.write_text("new")
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_text(file, "old")

    def fail() -> None:
        with replacing(file) as draft:
            draft.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_two_threads_that_write_one_file_have_a_draft_each(tmp_path: Path) -> None:
    file, both_in = tmp_path / "state.json", threading.Barrier(2, timeout=60)

    def write(text: str) -> None:
        with replacing(file) as draft:
            draft.write_text(text)
            both_in.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, ["1" * 9, "2" * 9]))
    assert file.read_text() in ("1" * 9, "2" * 9)
    assert list(tmp_path.iterdir()) == [file]


def test_a_draft_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "state.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_write_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("state.json", ".4242.state.json", "model/.7.weights.h5", "model/weights.h5", ".hidden", ".4242"):
        (tmp_path / name).touch()
    sweep_drafts(tmp_path)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [".4242", ".hidden", "model/weights.h5", "state.json"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@given(value=json_values)
def test_json_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    file = tmp_path_factory.getbasetemp() / "value.json"
    write_json(file, value)
    assert json.loads(file.read_bytes().decode("utf-8")) == value
    assert file.read_text(encoding="utf-8").endswith("\n")


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "preset"
    for text in ("one", "two"):
        with replacing_folder(target) as draft:
            assert list(draft.iterdir()) == []
            (draft / "a").write_text(text)
        assert (target / "a").read_text() == text

    def fail() -> None:
        with replacing_folder(target) as draft:
            (draft / "b").write_text("three")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in target.parent.iterdir()] == ["preset"]
    assert [path.name for path in target.iterdir()] == ["a"]


def test_drafts_of_folders_are_swept_too(tmp_path: Path) -> None:
    (tmp_path / ".123.preset" / "deep").mkdir(parents=True)
    (tmp_path / ".123.preset" / "deep" / ".124.file").touch()
    sweep_drafts(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_others_is_read_only_if_it_is_one_and_small_enough(tmp_path: Path) -> None:
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    file.write_bytes(b"12345")
    link.symlink_to(file)
    assert [read_regular_file(path, 5) for path in (file, link)] == [b"12345"] * 2
    with pytest.raises(ValueError, match=r"/file has 5 bytes; expected at most 4$"):
        read_regular_file(file, 4)
    os.mkfifo(pipe)
    link.unlink()
    link.symlink_to("/dev/zero")
    for path in (pipe, link):
        with pytest.raises(ValueError, match=f"/{path.name} is a pipe or a device; expected a regular file$"):
            read_regular_file(path, 5)
    with pytest.raises(FileNotFoundError):
        read_regular_file(tmp_path / "none", 5)
