from __future__ import annotations

import errno
import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tfapp.assets import catalogue, is_pulled, pull
from tfapp.assets.recipes import DATA_FILE
from tfapp.errors import AssetError


def _leftovers(root):
    return sorted(str(file.relative_to(root)) for file in root.rglob("*.part*"))


def test_a_data_set_is_one_file_and_its_papers(local_index, tmp_path):
    progress = []
    home = tmp_path / "home"
    folder = pull(
        "news",
        home=home,
        index=local_index.index(),
        entries=local_index.entries,
        on_progress=lambda *counts: progress.append(counts),
    )
    assert sorted(file.name for file in folder.iterdir()) == ["asset.json", DATA_FILE]
    assert json.loads((folder / "asset.json").read_text())["requirement"] == "corpora==1.0"
    size = local_index.entries["news"].archive.size
    assert progress[-1] == (size, size)
    assert not list((home / "archives").iterdir())
    assert (local_index.folder / local_index.entries["news"].archive.file).exists()


def test_a_second_pull_asks_nobody(local_index, tmp_path, no_index):
    folder = pull("tiny", home=tmp_path / "home", index=local_index.index(), entries=local_index.entries)
    modification_time = (folder / "model.safetensors").stat().st_mtime_ns
    assert pull("tiny", home=tmp_path / "home", index=no_index, entries=local_index.entries) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == modification_time


def test_a_shared_archive_is_downloaded_once(local_index, tmp_path, counting_index):
    index = counting_index(local_index.index())
    home = tmp_path / "home"
    pull("tweets", home=home, index=index, entries=local_index.entries)
    assert [file.name for file in (home / "archives").iterdir()] == ["rated-2.0.tar.gz"]
    pull("reviews", home=home, index=index, entries=local_index.entries)
    assert index.downloads == ["rated-2.0.tar.gz"]
    assert not list((home / "archives").iterdir())


def test_a_damaged_shared_archive_is_downloaded_again(local_index, tmp_path, counting_index):
    index = counting_index(local_index.index())
    home = tmp_path / "home"
    pull("tweets", home=home, index=index, entries=local_index.entries)
    (home / "archives" / "rated-2.0.tar.gz").write_bytes(b"half")
    pull("reviews", home=home, index=index, entries=local_index.entries)
    assert len(index.downloads) == 2


def test_a_wrong_checksum_keeps_nothing(local_index, tmp_path):
    news = local_index.entries["news"]
    local_index.entries["news"] = replace(news, archive=replace(news.archive, sha256="ab" * 32))
    home = tmp_path / "home"
    with pytest.raises(AssetError) as excinfo:
        pull("news", home=home, index=local_index.index(), entries=local_index.entries)
    message = str(excinfo.value)
    assert "nothing was kept" in message
    assert f"expected sha256 {'ab' * 32}, received {news.archive.sha256}" in message
    assert "\n" not in message
    assert not [file for file in home.rglob("*") if file.is_file() and file.suffix != ".lock"]


def test_an_unsafe_archive_writes_nothing(local_index, tmp_path, pack_zip):
    archive = local_index.add_file(
        "evil-1.0-py3-none-any.whl", pack_zip({"m/config.json": b"{}", "m/../../../out": b"!"})
    )
    local_index.add("evil", archive, "hugging-face-folder", {"folder": "m", "sha256": {}})
    with pytest.raises(AssetError, match="not safe to unpack"):
        pull("evil", home=tmp_path / "home", index=local_index.index(), entries=local_index.entries)
    assert not is_pulled("evil", home=tmp_path / "home", entries=local_index.entries)
    assert not list(tmp_path.rglob("out"))


def test_what_a_killed_pull_left_is_replaced(local_index, tmp_path):
    home = tmp_path / "home"
    folder = home / "datasets" / "news" / local_index.entries["news"].key
    for part in (folder.with_name(f"{folder.name}.part"), home / "archives" / "corpora-1.0-py3-none-any.whl.part"):
        part.mkdir(parents=True)
        (part / "data.jsonl").write_text("half")
        (part / "corpora-1.0-py3-none-any.whl").write_text("half")
    assert not is_pulled("news", home=home, entries=local_index.entries)
    assert pull("news", home=home, index=local_index.index(), entries=local_index.entries) == folder
    assert len((folder / DATA_FILE).read_text("utf-8").splitlines()) == 3
    assert not _leftovers(home)


def test_a_folder_without_its_marker_is_made_anew(local_index, tmp_path):
    folder = pull("news", home=tmp_path / "home", index=local_index.index(), entries=local_index.entries)
    (folder / "asset.json").unlink()
    (folder / DATA_FILE).write_text("half")
    pull("news", home=tmp_path / "home", index=local_index.index(), entries=local_index.entries)
    assert len((folder / DATA_FILE).read_text("utf-8").splitlines()) == 3


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), RuntimeError("broken")])
def test_an_interrupted_pull_leaves_nothing_and_the_next_one_works(local_index, tmp_path, counting_index, failure):
    def interrupt(folder):
        (folder / "half").write_bytes(b"1")
        raise failure

    home = tmp_path / "home"
    with pytest.raises(type(failure)):
        pull("news", home=home, index=counting_index(local_index.index(), interrupt), entries=local_index.entries)
    assert not _leftovers(home)
    pull("news", home=home, index=local_index.index(), entries=local_index.entries)
    assert is_pulled("news", home=home, entries=local_index.entries)


def test_interrupted_while_preparing(local_index, tmp_path):
    bad_entry = replace(local_index.entries["news"], options={"folder": "corpora/data", "encodings": {}})
    home = tmp_path / "home"
    with pytest.raises(UnicodeDecodeError):
        pull("news", home=home, index=local_index.index(), entries={"news": bad_entry})
    assert not _leftovers(home)
    assert not is_pulled("news", home=home, entries={"news": bad_entry})
    assert pull("news", home=home, index=local_index.index(), entries=local_index.entries)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"no space for news in the cache folder .*: it needs 2 MB; free some, or set TFAPP_HOME"),
        (errno.EDQUOT, r"no space for news"),
        (errno.EACCES, r"cannot write into the cache folder .* \(Permission denied\); set TFAPP_HOME"),
        (errno.EROFS, r"cannot write into the cache folder"),
    ],
)
def test_disk_errors_say_what_to_do(local_index, tmp_path, counting_index, number, message):
    def fail(_folder):
        raise OSError(number, {errno.EACCES: "Permission denied"}.get(number, "disk"))

    large = {"news": replace(local_index.entries["news"], size=2_000_000)}
    with pytest.raises(AssetError, match=message):
        pull("news", home=tmp_path / "home", index=counting_index(local_index.index(), fail), entries=large)
    assert not _leftovers(tmp_path)


def test_a_cache_folder_that_is_a_file(local_index, tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(AssetError, match=r"cannot write into the cache folder .*home"):
        pull("news", home=tmp_path / "home", index=local_index.index(), entries=local_index.entries)


def test_an_unknown_name_touches_nothing(local_index, tmp_path, no_index):
    with pytest.raises(AssetError, match='did you mean "tweets"'):
        pull("tweet", home=tmp_path / "home", index=no_index, entries=local_index.entries)
    assert not (tmp_path / "home").exists()


def test_two_threads_pull_at_once(local_index, tmp_path, counting_index):
    index = counting_index(local_index.index())
    barrier = threading.Barrier(2)

    def one(name):
        barrier.wait()
        return pull(name, home=tmp_path / "home", index=index, entries=local_index.entries)

    with ThreadPoolExecutor(2) as pool:
        same_folders = list(pool.map(one, ["tiny", "tiny"]))
        folders = list(pool.map(one, ["tweets", "reviews"]))
    assert same_folders[0] == same_folders[1]
    assert all((folder / DATA_FILE).is_file() for folder in folders)
    assert sorted(index.downloads) == ["rated-2.0.tar.gz", "weights-0.1-py3-none-any.whl"]
    assert not list((tmp_path / "home" / "archives").iterdir())


def _pull_in_process(home, index, start, folders):
    start.wait()
    folders.put(str(pull("tiny", home=home, index=index.index(), entries=index.entries)))


def test_two_processes_pull_at_once(local_index, tmp_path):
    context = multiprocessing.get_context("forkserver")
    start, queue = context.Event(), context.Queue()
    arguments = (tmp_path / "home", local_index, start, queue)
    workers = [context.Process(target=_pull_in_process, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    folders = {queue.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(folders) == 1
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert not _leftovers(tmp_path)


@pytest.mark.slow
def test_the_real_assets(tmp_path, no_index):
    counts = {"bbc-news": 2225, "movie-reviews": 10605, "product-reviews": 3708, "editorials": 5190, "tweets": 4200}
    for name, asset in catalogue().items():
        folder = pull(name, home=tmp_path)
        assert pull(name, home=tmp_path, index=no_index) == folder
        on_disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        assert on_disk == pytest.approx(asset.size, rel=0.01)
        if name in counts:
            rows = [json.loads(line) for line in (folder / DATA_FILE).open(encoding="utf-8")]
            assert len(rows) == counts[name]
            assert all(row["text"] == row["text"].strip() != "" for row in rows)
            assert len({row["id"] for row in rows}) == len(rows)
        if name == "bbc-news":
            assert {row["label"] for row in rows[:5]} == {"business", "entertainment", "politics", "sports", "tech"}
            assert "a £15.8m signing" in next(row["text"] for row in rows if row["id"] == "sports/199")
        if "rating" in asset.data:
            assert all(-4 <= row["rating"] <= 4 for row in rows)
    assert not list((tmp_path / "archives").iterdir())
