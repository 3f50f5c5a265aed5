from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.console.uploads import Uploads
from tfapp.errors import DataError

SUFFIXES = (".csv", ".jsonl", ".csv.gz", ".gz")


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads", SUFFIXES, max_bytes=1000)


def test_a_file_is_stored_for_its_owner_alone(uploads: Uploads) -> None:
    assert uploads.all() == []
    file = uploads.add("my mail (2).csv", io.BytesIO(b"text,label\n"))
    assert (file.name, file.size, file.path.read_bytes()) == ("my-mail-2.csv", 11, b"text,label\n")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700
    assert uploads.get("my-mail-2.csv") == file


def test_a_second_file_of_a_name_gets_another(uploads: Uploads) -> None:
    names = [uploads.add(name, io.BytesIO(b"x")).name for name in ("a.csv", "a.csv", "../a.csv", "a.CSV", "a.csv.gz")]
    assert names == ["a.csv", "a-2.csv", "a-3.csv", "a-4.csv", "a.csv.gz"]


@given(st.text(max_size=80) | st.sampled_from(["../../etc/passwd", "..", "a\0b", "-rf", "x" * 500, "C:\\a\\b", "日本"]))
def test_no_name_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("home") / "uploads"
    file = Uploads(folder, SUFFIXES).add(f"{name}.csv", io.BytesIO(b"x"))
    assert file.path.parent == folder
    assert file.path.resolve() == folder.resolve() / file.name
    assert file.name.isascii()
    assert not file.name.startswith((".", "-"))


@pytest.mark.parametrize(
    "name", ["../secret.csv", "link.csv", ".hidden.csv", "folder.csv", "notes.txt", "", "/etc/passwd"]
)
def test_only_the_files_of_the_folder_can_be_chosen(uploads: Uploads, tmp_path: Path, name: str) -> None:
    uploads.add("a.csv", io.BytesIO(b"x"))
    (tmp_path / "secret.csv").touch()
    for hidden_name in (".hidden.csv", "notes.txt"):
        (uploads.folder / hidden_name).touch()
    (uploads.folder / "folder.csv").mkdir()
    (uploads.folder / "link.csv").symlink_to("/etc/passwd")
    assert [file.name for file in uploads.all()] == ["a.csv"]
    with pytest.raises(DataError, match="no file"):
        uploads.get(name)
    with pytest.raises(DataError, match="no file"):
        uploads.delete(name)


def test_what_is_no_data_file_or_too_much_is_refused(uploads: Uploads) -> None:
    with pytest.raises(DataError, match=r"virus.exe: must end with one of .csv, .jsonl"):
        uploads.add("virus.exe", io.BytesIO(b"x"))
    uploads.add("a.csv", io.BytesIO(b"x" * 900))
    with pytest.raises(DataError, match="delete some"):
        uploads.add("b.csv", io.BytesIO(b"x" * 101))
    uploads.delete("a.csv")
    assert [file.name for file in uploads.folder.iterdir()] == []
    assert uploads.add("b.csv", io.BytesIO(b"x" * 101)).size == 101
