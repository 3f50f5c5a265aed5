"""Files that would take far more time or memory than their size: what is read of them, and how they are refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hostile.data_files import xlsx_with_row
from tfapp.config import DataSettings
from tfapp.data import describe, take_sample
from tfapp.data.readers import batch_slices, parquet
from tfapp.data.readers.json_lines import iter_blocks
from tfapp.data.readers.read_options import ReadOptions
from tfapp.errors import DataError
from tfapp.tasks.registry import find_task

LONG = "a b " * 50_000


def repeat(path: Path, *, dictionary: bool) -> Path:
    """Writes 400 rows of one text of 200 kB."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), [LONG])
    table = pa.table({"text": texts if dictionary else texts.cast(pa.string()), "label": ["a", "b"] * 200})
    pq.write_table(table, path, compression="zstd")
    return path


@pytest.mark.parametrize("columns", [4096, 4097])
def test_a_table_has_a_bound_of_columns(tmp_path: Path, columns: int) -> None:
    names = [f"c{index}" for index in range(columns)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + "," * (columns - 1) + "\n")
    (tmp_path / "a.tsv").write_text("\t".join(names) + "\n" + "\t" * (columns - 1) + "\n")
    objects = (dict.fromkeys(some, "a") for some in (names[:2000], names[2000:]))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(values) + "\n" for values in objects))
    pq.write_table(pa.table({name: ["a"] for name in names}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet"):
        if columns == 4096:
            assert len(take_sample(str(tmp_path / name)).columns) == 4096
            continue
        with pytest.raises(DataError, match=rf"{name}: 4097 columns, more than the 4096 that are read"):
            take_sample(str(tmp_path / name))


def test_a_sheet_has_the_bounds_of_excel(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(xlsx_with_row(10**9, "A"))
    with pytest.raises(DataError, match=r"a\.xlsx: row 1048577 .*beyond Excel's own bounds of 1048576 rows and 16384"):
        take_sample(str(tmp_path / "a.xlsx"))


def test_a_packed_file_that_unpacks_to_what_no_text_does_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"text": "' + b"a" * (70 << 20) + b'"}\n', 1))
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: unpacks to more than 64 MB, 100 times its size"):
        take_sample(str(file))


def test_a_row_longer_than_any_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('text,label\n"' + ("a" * 999_999 + "\n") * 18)
    with pytest.raises(DataError, match=r"a\.csv, line 18: a row is longer than 16777216 characters"):
        take_sample(str(file))


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_string_that_a_dictionary_repeats_is_read_in_blocks_of_bounded_bytes(
    tmp_path: Path, *, dictionary: bool
) -> None:
    file = repeat(tmp_path / "a.parquet", dictionary=dictionary)
    blocks = list(parquet.iter_blocks(file, ReadOptions(block_bytes=1 << 22)))
    assert sum(map(len, blocks)) == 400
    assert max(sum(map(len, block.columns["text"])) for block in blocks) <= 1 << 22
    assert len(take_sample(str(file)).columns["text"]) < 100
    schema = find_task("classification").schema
    description = describe(str(file), DataSettings(train=str(file)), schema=schema, most_bytes=1 << 22)
    assert description.rows < 400
    assert description.findings[0].message.endswith(f"its first {description.rows} rows alone are described")


def test_the_keys_of_all_rows_count_in_a_block(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({f"k{row}": "a"}) + "\n" for row in range(300)))
    blocks = list(iter_blocks(file, ReadOptions(block_bytes=1 << 16)))
    # The keys come one by one, so that a block's first rows count fewer of them.
    assert max(len(block) * len(block.columns) for block in blocks) * 16 <= 2 << 16
    assert [block.first_row for block in blocks][:1] == [1]
    assert sum(map(len, blocks)) == 300


def test_bytes_of_values_count_each_use() -> None:
    views = pa.array(["x" * 100] * 8, pa.string_view())
    lists = pa.array([["x" * 100]] * 8)
    structs = pa.array([{"a": "x" * 100}] * 8)
    for array in (views, lists, structs):
        batch = pa.record_batch([array], ["a"])
        slices = list(batch_slices.slice_batch(batch, ReadOptions(block_bytes=400)))
        assert len(slices) >= 4
        assert pa.Table.from_batches(slices).to_pylist() == batch.to_pylist()
