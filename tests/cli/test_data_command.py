"""`tfapp data describe`."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.processes import call, complaint
from tfapp.cli import data
from tfapp.cli.app import main
from tfapp.errors import TfappError

TEXTS = ["good film", "bad film", "good plot", "bad plot", "good [b]plot", "bad film"]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    file = tmp_path / "reviews.csv"
    rows = [f"{text} number {index // 2},{'[pos]' if index % 2 else 'neg'}\n" for index, text in enumerate(TEXTS * 4)]
    file.write_text("review,mood\n" + "".join(rows))
    return file


def _run(*arguments: str) -> Any:
    app = typer.Typer()
    app.add_typer(data.app, name="data")
    return CliRunner().invoke(app, ["data", "describe", "--preset", "none", *arguments])


def test_columns_are_found_and_tables_printed(reviews: Path) -> None:
    result = _run(str(reviews))
    assert result.exit_code == 0
    assert f"{reviews}: 24 rows" in result.stdout.replace("\n", " ")
    for part in ("[pos]", "neg", "50.0%", "characters", "median"):
        assert part in result.stdout


def test_json_is_one_object(reviews: Path) -> None:
    description = json.loads(_run(str(reviews), "--json", "--text", "review", "--label", "mood").stdout)
    assert (description["rows"], description["labels"]["neg"]["rows"], description["tokens"]) == (24, 12, None)
    assert description["notes"][0].startswith('texts: column "review"')


def test_what_is_proposed_is_told_as_init_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "mail.csv"
    lines = [f"A{index:05};mail [b]{index} on it;{'ab'[index % 2]}" for index in range(60)]
    file.write_text("\n".join(["ticket_id;message;topic", *lines]))
    result = _run(str(file))
    assert result.exit_code == 0
    output = call("init", file, "--output", tmp_path / "e.toml").out
    # The last two are the candidate's reason, and that the file was written.
    notes = output.splitlines()[:-2]
    assert len(notes) > 4
    for start in ("separator: the fields are apart by", "ids: 'ticket_id'"):
        assert any(note.startswith(start) for note in notes)
    for note in notes:
        assert note in result.stdout.replace("\n", " ") or note in result.stdout


def test_a_wrong_column_is_one_line(reviews: Path) -> None:
    result = _run(str(reviews), "--text", "revue", "--label", "mood")
    assert isinstance(result.exception, TfappError)
    assert 'did you mean "review"' in str(result.exception)


def test_given_values_win_over_what_is_found_out(reviews: Path) -> None:
    reviews.write_bytes(reviews.read_bytes().replace(b"review", b"caf\xe9").replace(b",", b";"))
    arguments = ("--label", "mood", "--encoding", "latin-1", "--separator", ";", "--json")
    assert json.loads(_run(str(reviews), *arguments, "--text", "café").stdout)["labels"]["neg"]["rows"] == 12
    assert "--column x" in str(_run(str(reviews), "--column", "x").exception)
    assert "unknown setting data.txt" in str(_run(str(reviews), *arguments, "--column", "txt=café").exception)


def test_pairs_are_described_with_their_columns(tmp_path: Path) -> None:
    file = tmp_path / "faq.csv"
    file.write_text("question,candidate,label\nhow,so,1\nhow,not so,0\n")
    description = json.loads(_run(str(file), "--task", "ranking", "--column", "query=question", "--json").stdout)
    assert (description["rows"], description["labels"]["1"]["rows"]) == (2, 1)
    assert "--column query: expected NAME=VALUE" in str(_run(str(file), "--column", "query").exception)
    assert 'no column "query"' in str(_run(str(file), "--task", "ranking").exception)
    assert "there is no task 'rank'; did you mean" in str(_run(str(file), "--task", "rank").exception)


class FullDisk(io.StringIO):
    """A file on a disk that has no more room."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.redirect_stdout(FullDisk()), pytest.raises(SystemExit) as excinfo:
        main(["assets", "list", "--json"])
    assert excinfo.value.code == 2
    assert capsys.readouterr().err == "tfapp: the disk: No space left on device; free some space and try again\n"


@pytest.mark.parametrize("name", ["query", "candidate", "question", "context", "answer"])
def test_an_old_column_flag_names_the_new_one(reviews: Path, name: str) -> None:
    for arguments in ([f"--{name}", "ask"], [f"--{name}=ask"]):
        message = str(_run(str(reviews), *arguments).exception)
        assert message == f"no such option: --{name} is --column {name}=NAME now"


def test_any_other_unknown_option_is_an_error_of_usage(reviews: Path) -> None:
    for name in ("--collumn", "--rows"):
        result = _run(str(reviews), name, "3")
        assert result.exit_code == 2
        assert "No such option" in result.stderr
        assert name in result.stderr


def test_an_unknown_format_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text,label\na,x\nb,y\n")
    for command in ("data describe", "init"):
        error = complaint(call(*command.split(), file, "--format", "ssv"))
        assert "options: " in error
        assert "format" in error
