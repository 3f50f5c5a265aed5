"""Scores many files by one model, each to a file of its own in one folder; a run that was killed goes on."""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp.core.files import private_folder, write_json
from tfapp.core.progress import OnProgress
from tfapp.core.progress_bar import progress
from tfapp.data.file_formats import FORMATS, SUFFIXES, data_suffix, detect_format
from tfapp.data.part_store import explain_errors, file_identity
from tfapp.data.scoring import score_file
from tfapp.errors import DataError

if TYPE_CHECKING:
    from tfapp.workflows.predict import Predictor

__all__ = ["FileResult", "find_files", "predict_files", "scored_name"]

# What tells a finished file of the output folder from others.
_FINISHED: Final = ".finished"


@dataclass(frozen=True)
class FileResult:
    """What became of a file.

    Attributes:
        source: The file.
        target: The scored file; None where there is none.
        rows: Its rows.
        rejected: The rows that were set aside in `rejected_file`.
        rejected_file: Where they are; None: there are none.
        seconds: How long it took; 0 of a file that had been finished before.
        error: Why the whole file could not be scored; empty where it was.
    """

    source: Path
    target: Path | None
    rows: int = 0
    rejected: int = 0
    rejected_file: Path | None = None
    seconds: float = 0.0
    error: str = ""


def find_files(names: Sequence[str]) -> list[Path]:
    """Finds the files that arguments name: files, folders of data files, and patterns such as "parts/*.jsonl".

    Raises:
        DataError: An argument names nothing, or two files would have scored files of the same name.
    """
    files: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.is_file() and data_suffix(file) in SUFFIXES)
        else:
            found = [path] if path.is_file() else _matches(name)
        if not found:
            what = "no data file is in it" if path.is_dir() else "no such file, folder or pattern of files"
            raise DataError(f"{name}: {what}")
        files |= dict.fromkeys(found)
    sources: dict[str, Path] = {}
    for file in files:
        other = sources.setdefault(scored_name(file), file)
        if other != file:
            raise DataError(
                f"{other} and {file} would both become {scored_name(file)}; rename one, or score them into two folders"
            )
    return list(files)


def _matches(pattern: str) -> list[Path]:
    # A pattern of pathlib's cannot be absolute.
    return sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207


def scored_name(file: Path, *, ending: str = "") -> str:
    """Returns the name of a scored file: with the suffix of the format as which such a file is scored."""
    input_suffix = data_suffix(file)
    name = SUFFIXES.get(input_suffix)
    # A file whose suffix says nothing may have values of any kind.
    scored_as = FORMATS[name].scored_as if name else "jsonl"
    suffix = input_suffix if scored_as in (name, None) else FORMATS[scored_as].suffixes[0]
    return f"{file.name[: file.name.lower().rfind(input_suffix)]}{ending}{suffix}"


def predict_files(
    predictor: Predictor,
    files: Sequence[Path],
    folder: Path,
    *,
    resume: bool = True,
    quiet: bool = False,
    **settings: Any,
) -> Iterator[FileResult]:
    """Scores files one after another, and yields what became of each.

    Rows that cannot be read or answered are set aside in `NAME.rejected.jsonl`, and a file that cannot be read at all
    does not keep the others from being scored. Files that an earlier run finished with the same model and settings are
    left as they are.

    Args:
        predictor: The model.
        files: From `find_files`.
        folder: Where the scored files go; it is made, for this user alone.
        resume: Keep what an earlier run finished.
        quiet: Show no progress.
        settings: Those of `tfapp.data.score_file`, as `columns` and `labels`.

    Raises:
        DataError: The folder cannot be made.
    """
    with explain_errors(folder):
        private_folder(folder)
        private_folder(folder / _FINISHED)
    expected = [_count_rows(file, str(settings.get("format", "auto"))) for file in files]
    done, start = 0, time.monotonic()
    with progress("Scoring", "rows", quiet=quiet) as advance:
        for number, file in enumerate(files):
            before, total = done, sum(expected)

            def on_progress(rows: int, rows_of_file: int | None, before: int = before, number: int = number) -> None:
                rate = (before + rows) / max(time.monotonic() - start, 1e-9)
                expected[number] = rows_of_file or rows
                advance(before + rows, sum(expected), f"rows, {rate:.0f} a second")

            result = _score(predictor, file, folder, settings, resume=resume, on_progress=on_progress)
            done += result.rows + result.rejected
            expected[number] = result.rows + result.rejected
            advance(done, max(total, done))
            yield result


def _count_rows(file: Path, format: str) -> int:  # noqa: A002
    """Returns the rows of a file, or an estimate."""
    try:
        return FORMATS[detect_format(file, format)].count_rows(file) or 0
    except DataError:
        return 0


def _score(
    predictor: Predictor,
    file: Path,
    folder: Path,
    settings: Mapping[str, Any],
    *,
    resume: bool,
    on_progress: OnProgress,
) -> FileResult:
    target = folder / scored_name(file)
    rejected_file = folder / f"{target.name}.rejected.jsonl"
    record = folder / _FINISHED / f"{target.name}.json"
    made_of = json.dumps([file_identity(file), predictor.identity, settings], sort_keys=True)
    finished = _read(record) if resume and target.exists() else {}
    if finished.get("made_of") == made_of and finished["output"] == file_identity(target):
        rejected = finished["rejected"]
        return FileResult(file, target, finished["rows"], rejected, rejected_file if rejected else None)
    start = time.monotonic()
    try:
        rows = score_file(
            file,
            target,
            predictor,
            answer_format=predictor.answer_format,
            identity=predictor.identity,
            resume=resume,
            rejected=rejected_file,
            on_progress=on_progress,
            **settings,
        )
    except DataError as error:
        return FileResult(file, None, seconds=time.monotonic() - start, error=str(error))
    rejected = _count_lines(rejected_file)
    write_json(record, {"made_of": made_of, "output": file_identity(target), "rows": rows, "rejected": rejected})
    seconds = time.monotonic() - start
    return FileResult(file, target, rows, rejected, rejected_file if rejected else None, seconds)


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _count_lines(file: Path) -> int:
    if not file.exists():
        return 0
    with file.open("rb") as stream:
        return sum(1 for _ in stream)
