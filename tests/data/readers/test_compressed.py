"""Files packed by gzip or zstd: read as what is in them; what is cut short is refused in one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.text_classes import load
from tfapp.cli.predict import default_output, file_to_score
from tfapp.config import DataSettings
from tfapp.data import detect_format, read_batches, write_starter
from tfapp.data.file_formats import FORMATS
from tfapp.data.readers.textfile import find_bad_byte
from tfapp.errors import DataError
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.registry import find_task
from tfapp.tasks.settings_proposal import propose_settings

Pack = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


PACKED = pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd), (".GZ", gzip.compress)])
ROWS = [
    f"{'good' if index % 2 else 'bad'} café; number {index};{'yn'[index % 2]}\n".replace("; n", ", n")
    for index in range(60)
]
TABLE = "text;label\n" + "".join(ROWS)


@PACKED
def test_a_packed_file_is_read_like_the_plain_one(tmp_path: Path, suffix: str, pack: Pack) -> None:
    (tmp_path / "a.csv").write_text(TABLE, encoding="cp1252")
    packed_file = tmp_path / f"a.csv{suffix}"
    packed_file.write_bytes(pack(TABLE.encode("cp1252")))
    plain_starter, packed_starter = (propose_settings(str(tmp_path / name)) for name in ("a.csv", packed_file.name))
    assert {**packed_starter.data, "train": ""} == {**plain_starter.data, "train": ""}
    assert packed_starter.data["encoding"] == "cp1252"
    starter = load_experiment(write_starter(packed_starter, tmp_path / "e.toml", tasks=task_settings()))
    assert starter.name == "a"
    assert load(starter.data).fingerprint == load(DataSettings.model_validate(plain_starter.data)).fingerprint
    assert FORMATS["csv"].count_rows(packed_file) == 61
    assert file_to_score([str(packed_file)]) == packed_file
    assert default_output(packed_file) == tmp_path / "a.predictions.csv"


@PACKED
def test_other_formats_and_parts_that_were_packed_one_by_one(tmp_path: Path, suffix: str, pack: Pack) -> None:
    lines = [b'{"text": "a"}\n', b'{"text": "b"}\n']
    (tmp_path / f"a.jsonl{suffix}").write_bytes(b"".join(map(pack, lines)))
    (batch,) = read_batches(tmp_path / f"a.jsonl{suffix}")
    assert batch.to_pydict() == {"text": ["a", "b"]}
    (tmp_path / f"a.conll{suffix}").write_bytes(pack(b"Rome B-place\n"))
    settings = DataSettings(train=str(tmp_path / f"a.conll{suffix}"), dev_share=0, test_share=0)
    assert load(settings, schema=find_task("tagging").schema).labels == ("place",)
    assert detect_format(tmp_path / f"a.json{suffix}") == "squad"


@PACKED
def test_what_is_cut_short_or_is_not_of_its_encoding_is_refused_in_a_line(
    tmp_path: Path, suffix: str, pack: Pack
) -> None:
    file = tmp_path / f"a.csv{suffix}"
    file.write_bytes(pack(TABLE.encode())[:-20])
    with pytest.raises(DataError, match=rf"a\.csv{suffix}: (not a readable gzip file|cannot be read): ") as excinfo:
        list(read_batches(file))
    assert len(str(excinfo.value).splitlines()) == 1
    assert "cannot be read" in str(excinfo.value) or str(excinfo.value).endswith("; copy or pack the file again")
    file.write_bytes(pack(b"text,label\nok,x\nca\xe9,x\n"))
    with pytest.raises(DataError, match=r"line 3: byte 0xe9 at offset 18 is not utf-8"):
        list(read_batches(file))
    bad_byte = find_bad_byte(file, "utf-8")
    assert bad_byte is not None


def test_packed_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(DataError, match=r"parquet compresses its columns itself .* unpack the file"):
        detect_format(tmp_path / "a.parquet.gz")
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DataError, match=r'the suffix "\.log" names no format'):
        detect_format(tmp_path / "a.log.gz")
