"""A package index in a folder, with small packages made here, and a catalogue of what is in them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tfapp.assets import Asset
from tfapp.assets.entries import Archive
from tfapp.assets.index import PackageIndex
from tfapp.assets.pip_settings import IndexSettings

BBC_WHEEL = "corpora-1.0-py3-none-any.whl"
RATED_SDIST = "rated-2.0.tar.gz"
PRESET_WHEEL = "weights-0.1-py3-none-any.whl"

BBC = {
    "corpora/data/tech/001.txt": b"Phones\n\nare small.\n",
    "corpora/data/sports/001.txt": "Mutu, a £15.8m signing\n".encode("latin-1"),
    "corpora/data/sports/002.txt": "Café\n".encode(),
    "corpora/__init__.py": b"raise SystemExit('a package must not be run')",
}
TWEETS = "1\t2.5\tSo good\tindeed \r\n2\t-0.4\tmeh, clichés".encode()
REVIEWS = b"1_1\t-3.25\tBroken.\r\n"
WEIGHTS = bytes(range(256)) * 40
PRESET = {
    "weights/model/config.json": b"{}",
    "weights/model/model.safetensors": WEIGHTS,
    "weights/model/pooling/config.json": b"[]",
    "weights/__init__.py": b"",
}


def make_zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def make_tar(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class LocalIndex:
    """A find-links folder and the catalogue of what lies in it."""

    folder: Path
    entries: dict[str, Asset] = field(default_factory=dict)

    def add_file(self, file: str, content: bytes) -> Archive:
        (self.folder / file).write_bytes(content)
        name, version = file.removesuffix(".tar.gz").split("-")[:2]
        return Archive(f"{name}=={version}", file, hashlib.sha256(content).hexdigest(), len(content))

    def add(self, name: str, archive: Archive, recipe: str, options: Mapping[str, object]) -> Asset:
        kind = "preset" if recipe == "hugging-face-folder" else "dataset"
        self.entries[name] = Asset(name, kind, name, "", "MIT", "", archive, 1000, recipe, options)
        return self.entries[name]

    def index(self) -> PackageIndex:
        return PackageIndex(IndexSettings(find_links=(str(self.folder),), no_index=True))


class CountingIndex:
    """Hands every download on and remembers it; can do something first."""

    def __init__(self, inner: PackageIndex, before: Callable[[Path], None] | None = None) -> None:
        self.inner = inner
        self.before = before
        self.downloads: list[str] = []

    def download(self, archive, folder, on_progress):
        self.downloads.append(archive.file)
        if self.before is not None:
            self.before(folder)
        return self.inner.download(archive, folder, on_progress)


class NoIndex:
    """Fails the test that touches it."""

    def download(self, archive, *_):
        pytest.fail(f"the index was asked for {archive.file}")


@pytest.fixture
def local_index(tmp_path: Path) -> LocalIndex:
    """Two articles' wheel, a shared source distribution with two data sets, and a checkpoint's wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    index = LocalIndex(folder)
    bbc = index.add_file(BBC_WHEEL, make_zip(BBC))
    index.add("news", bbc, "bbc-news", {"folder": "corpora/data", "encodings": {"sports/001": "latin-1"}})
    inner = make_tar({"study/tweets.txt": TWEETS, "study/reviews.txt": REVIEWS})
    rated_sdist = index.add_file(
        RATED_SDIST, make_tar({"rated-2.0/extra/study.tar.gz": inner, "rated-2.0/setup.py": b"exit(1)"})
    )
    for name in ("tweets", "reviews"):
        options = {"inner": "rated-2.0/extra/study.tar.gz", "file": f"study/{name}.txt"}
        index.add(name, rated_sdist, "vader", options)
    digest = {"model.safetensors": hashlib.sha256(WEIGHTS).hexdigest()}
    weights = index.add_file(PRESET_WHEEL, make_zip(PRESET))
    index.add("tiny", weights, "hugging-face-folder", {"folder": "weights/model", "sha256": digest})
    return index


@pytest.fixture
def counting_index() -> type[CountingIndex]:
    return CountingIndex


@pytest.fixture
def no_index() -> NoIndex:
    return NoIndex()


@pytest.fixture
def pack_zip() -> Callable[[Mapping[str, bytes]], bytes]:
    return make_zip


@pytest.fixture
def pack_tar() -> Callable[[Mapping[str, bytes | tarfile.TarInfo]], bytes]:
    return make_tar
