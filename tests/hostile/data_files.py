"""Files that readers may be given: each format right, with odd content, and with faults in its bytes."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from tests.hostile.draws import maybe, mutate, name, nest, number, several, text

__all__ = ["FORMATS", "LARGE_FORMATS", "any_config", "any_settings", "write_any", "xlsx_with_row"]

_COLUMNS: Final = (
    "text",
    "label",
    "id",
    "time",
    "source",
    "question",
    "answer",
    "context",
    "rating",
    "query",
    "candidate",
)
_SECTIONS: Final = ("data", "model", "training", "export", "distillation", "nope")
_SETTINGS: Final = (
    "train",
    "text",
    "label",
    "preset",
    "epochs",
    "batch_size",
    "learning_rate",
    "format",
    "encoding",
    "seed",
    "max_length",
)


def write_any(source: random.Random, folder: Path, form: str) -> Path:
    """Writes a file, or a folder, of a format, and gives its path."""
    path = folder / f"{source.randrange(1 << 40):x}{FORMATS[form][0]}"
    if form == "folder":
        _write_folder(source, path)
        return path
    data = FORMATS[form][1](source)
    path.write_bytes(mutate(data, source) if maybe(source, 0.4) else data)
    return path


def any_settings(source: random.Random) -> str:
    """Draws an experiment as TOML, or what only looks like it."""
    lines = [f"name = {_toml(source)}", f"task = {json.dumps(name(source, ('classification', 'tagging', 'ranking')))}"]
    for section in several(source, lambda s: s.choice(_SECTIONS), 4):
        lines.append(f"[{section}]")
        lines += [f"{source.choice(_SETTINGS)} = {_toml(source)}" for _ in range(source.randrange(4))]
    content = "\n".join(lines) + "\n"
    return mutate(content.encode(), source).decode("latin-1") if maybe(source, 0.3) else content


def any_config(source: random.Random) -> bytes:
    """Draws one of the server's configuration files in protobuf's text form."""
    fields = (
        *(
            "model_config_list { config { %s } }",
            "name: %s",
            "base_path: %s",
            'model_platform: "tensorflow"',
            "max_batch_size { value: %s }",
        ),
        *(
            "model_version_policy { specific { versions: %s } }",
            "version_labels { key: %s value: %s }",
            "allowed_batch_sizes: %s",
        ),
        *(
            "prometheus_config { enable: %s path: %s }",
            "server_key: %s",
            "batch_timeout_micros { value: %s }",
            "config { %s } { %s",
        ),
    )

    def fill(depth: int) -> str:
        pattern = source.choice(fields)
        while "%s" in pattern:
            value = (
                fill(depth - 1)
                if depth and maybe(source, 0.5)
                else source.choice((json.dumps(text(source)), str(number(source)), "true"))
            )
            pattern = pattern.replace("%s", value.replace("%s", ""), 1)
        return pattern

    content = "\n".join(fill(3) for _ in range(source.randrange(1, 5)))
    if maybe(source, 0.05):
        content = "config {" * source.choice((50, 5000))
    return (
        mutate(content.encode("utf-8", "replace"), source) if maybe(source, 0.3) else content.encode("utf-8", "replace")
    )


def _toml(source: random.Random) -> str:
    literals = (
        json.dumps(text(source).encode("utf-8", "replace").decode()),
        str(number(source)),
        "nan",
        "true",
        "[1, [2]]",
    )
    return source.choice((*literals, "1979-05-27", "{a = 1}", '"a.csv"', "[]", "1e400", "0x_"))


def _csv(source: random.Random, separator: str = ",") -> bytes:
    columns = [name(source, _COLUMNS, 0.9) for _ in range(source.choice((1, 2, 2, 3, 5)))]
    rows = [separator.join(_cell(source) for _ in columns) for _ in range(source.choice((0, 1, 3, 30)))]
    end = source.choice(("\n", "\n", "\r\n", "\r"))
    encoding = source.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1"))
    return end.join([separator.join(columns), *rows]).encode(encoding, "replace")


def _wide_csv(source: random.Random) -> bytes:
    """Draws a csv file of few columns, or of more than are read."""
    columns = source.choice((5, 50, 4097, 5000))
    return b"\n".join([b",".join(b"c%d" % index for index in range(columns)), b"," * (columns - 1)])


def _wide_jsonl(source: random.Random) -> bytes:
    keys = source.choice((1, 1, 50))
    return b"\n".join(json.dumps({f"k{row * keys + key}": "a" for key in range(keys)}).encode() for row in range(100))


def _repeated_parquet(source: random.Random) -> bytes:
    """Draws a file of one string that a dictionary repeats in each row."""
    rows, sink = source.choice((4, 100)), pa.BufferOutputStream()
    values = ["a b " * source.choice((1, 1, 1, 5_000))]
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), values)
    texts = source.choice((texts, texts.cast(pa.string())))
    pq.write_table(pa.table({"text": texts, "label": ["a", "b"] * (rows // 2)}), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _packed(source: random.Random) -> bytes:
    """Draws a file that unpacks to many times its size."""
    return gzip.compress(
        b'{"text": "' + b"a" * (source.choice((1, 1, 1, 1, 1, 1, 1, 70)) << 20) + b'", "label": "b"}\n', 1
    )


def _far_xlsx(source: random.Random) -> bytes:
    row, column = source.choice((3, 3, 3, 3, 4, 5, 10**9, -1)), source.choice(("A", "XFD", "ZZZ"))
    return xlsx_with_row(row, column)


def xlsx_with_row(row: int, column: str) -> bytes:
    """Returns a sheet with a cell that may be far from the others."""
    book, sink, output = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["text", "label"])
    book.save(sink)
    end = f'<row r="{row}"><c r="{column}{row}" t="inlineStr"><is><t>a</t></is></c></row></sheetData>'
    with zipfile.ZipFile(sink) as source_archive, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in source_archive.namelist():
            archive.writestr(part, source_archive.read(part).replace(b"</sheetData>", end.encode()))
    return output.getvalue()


def _tsv(source: random.Random) -> bytes:
    return _csv(source, "\t")


def _cell(source: random.Random) -> str:
    match source.randrange(6):
        case 0:
            return f'"{text(source)}"'
        case 1:
            return source.choice(
                ('"', '"""', "'", "a,b", '"a\nb"', "x" * 140_000, "=cmd()", "0001-01-01T00:00:00Z", "9999-12-31")
            )
        case 2:
            return str(number(source))
        case _:
            return (
                source.choice(("good words", "bad words", "pos", "neg", "5", "2026-01-01T00:00:00Z")) + text(source)[:3]
            )


def _row(source: random.Random) -> Any:
    if maybe(source, 0.05):
        return nest(source, text)
    return {name(source, _COLUMNS): _value(source) for _ in range(source.choice((1, 2, 2, 3)))}


def _value(source: random.Random) -> Any:
    if maybe(source, 0.7):
        return source.choice(("good words", "bad words", "pos", "neg", "2026-01-01T00:00:00Z", 5, ["pos", "neg"]))
    span = {"start": number(source), "end": number(source), "label": text(source)}
    return source.choice(
        (
            text(source),
            number(source),
            float("nan"),
            None,
            True,
            {},
            [span],
            [[1, 2, "a"]],
            nest(source, text),
            "\ud800",
        )
    )


def _jsonl(source: random.Random) -> bytes:
    rows = [json.dumps(_row(source)).encode() for _ in range(source.choice((0, 1, 3, 30)))]
    odd_lines = (b"", b"{", b"[" * 50_000, b"9" * 5000, b"NaN", b"\xff", b"null", b'{"text": 1e999}', b'{"a":' * 3000)
    return b"\n".join([*rows, *several(source, lambda s: s.choice(odd_lines), 2)])


def _parquet(source: random.Random) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_table(source), sink)
    return bytes(sink.getvalue().to_pybytes())


def _arrow(source: random.Random) -> bytes:
    table, sink = _table(source), pa.BufferOutputStream()
    classes = {name(source, _COLUMNS): {"_type": "ClassLabel", "names": source.choice((["a", "b"], 3, None))}}
    features = json.dumps({"info": {"features": source.choice((classes, [], nest(source, text)))}})
    table = table.replace_schema_metadata({"huggingface": features.encode("utf-8", "replace")})
    with source.choice((pa.ipc.new_stream, pa.ipc.new_file))(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _xlsx(source: random.Random) -> bytes:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    for _ in range(source.choice((0, 1, 3, 30))):
        cells = [source.choice((_cell(source), None, 1e300, True, datetime(2024, 1, 1, 2))) for _ in range(3)]
        book.active.append([ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell for cell in cells])
    book.active["A1"], book.active["B1"] = "text", source.choice(("label", None, "=1/0", "text"))
    book.save(sink)
    if maybe(source, 0.5):
        return sink.getvalue()
    # A fault in a part, which would be none of an archive's own if it were in the packed bytes.
    output = io.BytesIO()
    with zipfile.ZipFile(sink) as source_archive, zipfile.ZipFile(output, "w") as archive:
        parts = source_archive.namelist()
        victim = source.choice(parts)
        for part in parts:
            data = source_archive.read(part)
            archive.writestr(part, mutate(data, source) if part == victim else data)
    return output.getvalue()


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def _table(source: random.Random) -> pa.Table:
    rows = source.choice((0, 1, 3, 30))
    kinds = (
        lambda: pa.array([text(source).encode("utf-8", "replace").decode() for _ in range(rows)]),
        lambda: pa.array([source.choice(("pos", "neg", None)) for _ in range(rows)]),
        lambda: pa.array([number(source) for _ in range(rows)]),
        lambda: pa.array([[source.random()] for _ in range(rows)]),
        lambda: pa.array([{"a": 1} for _ in range(rows)]),
        lambda: pa.array([source.randbytes(3) for _ in range(rows)]),
        lambda: pa.nulls(rows),
    )
    names = dict.fromkeys(name(source, _COLUMNS).encode("utf-8", "replace").decode() for _ in range(3))
    return pa.table({key: source.choice(kinds)() for key in names})


def _conll(source: random.Random) -> bytes:
    words = ("Ana", "Rome", "in", "\u202e", "")
    tags = ("O", "B-org", "I-org", "I-", "B", "E-x", "S-y", "")
    lines = [
        source.choice(
            ("", "-DOCSTART- -X- O O", "\t", *(f"{source.choice(words)} NN {source.choice(tags)}" for _ in range(6)))
        )
        for _ in range(source.choice((0, 1, 5, 60)))
    ]
    return "\n".join(lines).encode("utf-8", "replace")


def _squad(source: random.Random) -> bytes:
    def answer() -> Any:
        return {
            "text": source.choice(("here", text(source))),
            "answer_start": source.choice((0, 3, number(source), "0")),
        }

    def question() -> Any:
        entry = {
            "id": text(source),
            "question": "where?",
            "answers": [answer()] * source.randrange(3),
            "is_impossible": False,
        }
        return {key: value for key, value in entry.items() if maybe(source, 0.95)}

    paragraphs = [{"context": source.choice(("it is here", text(source))), "qas": [question() for _ in range(2)]}] * 2
    document = {"version": "2.0", "data": [{"title": "a", "paragraphs": paragraphs}]}
    return json.dumps(document if maybe(source, 0.85) else {"data": nest(source, text)}).encode()


def _write_folder(source: random.Random, path: Path) -> None:
    path.mkdir()
    for label in several(source, lambda s: s.choice(("pos", "neg", "Ü", ".hidden", "a b")), 4):
        (path / label).mkdir(exist_ok=True)
        for number_ in range(source.randrange(4)):
            content = source.choice(
                (b"good words", b"", b"\xff\xfe", b"\x00", b"a" * 10_000, text(source).encode("utf-8", "replace"))
            )
            (path / label / f"{number_}{source.choice(('.txt', '', '.bin'))}").write_bytes(content)


FORMATS: Final[dict[str, tuple[str, Callable[[random.Random], bytes]]]] = {
    "csv": (".csv", _csv),
    "tsv": (".tsv", _tsv),
    "jsonl": (".jsonl", _jsonl),
    "parquet": (".parquet", _parquet),
    "arrow": (".arrow", _arrow),
    "xlsx": (".xlsx", _xlsx),
    "gzip": (".csv.gz", lambda source: gzip.compress(_csv(source))),
    "zstd": (".jsonl.zst", lambda source: _zstd(_jsonl(source))),
    "conll": (".conll", _conll),
    "squad": (".json", _squad),
    "txt": (".txt", _csv),
    "wide csv": (".csv", _wide_csv),
    "wide jsonl": (".jsonl", _wide_jsonl),
    "repeated parquet": (".parquet", _repeated_parquet),
    "packed": (".jsonl.gz", _packed),
    "far xlsx": (".xlsx", _far_xlsx),
    "folder": ("", _csv),
}
LARGE_FORMATS: Final = ("wide csv", "wide jsonl", "repeated parquet", "packed", "far xlsx")
"""Those whose files are large once they are read, and all alike."""
