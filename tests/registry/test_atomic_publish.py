from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tfapp import registry
from tfapp.errors import RegistryError
from tfapp.registry import atomic_publish


def _publish(models: Path, text: str, name: str = "news") -> Path:
    with atomic_publish.staging_folder(models, name) as staging:
        (staging / "variables").mkdir()
        (staging / "variables" / "data").write_text(text)
        return atomic_publish.publish(staging, models, name)


def test_versions_appear_in_order(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert _publish(models, "a") == models / "news" / "1"
    assert (_publish(models, "b") / "variables" / "data").read_text() == "b"
    assert registry.versions(models, "news") == [1, 2]
    assert [child.name for child in models.iterdir()] == ["news"]


def test_nothing_is_visible_while_it_is_written_or_after_it_failed(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with atomic_publish.staging_folder(tmp_path, "news") as folder:
            (folder / "1").mkdir()
            assert folder.parent == tmp_path
            assert registry.models(tmp_path) == []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    _publish(tmp_path, "a")
    # An empty folder and a file hold the next two numbers.
    (tmp_path / "news" / "2").mkdir()
    (tmp_path / "news" / "3").write_text("mine")
    assert _publish(tmp_path, "b").name == "4"
    assert (tmp_path / "news" / "3").read_text() == "mine"
    assert list((tmp_path / "news" / "2").iterdir()) == []


def test_publishers_at_the_same_time_take_different_numbers(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda i: _publish(tmp_path, str(i)), range(24)))
    assert registry.versions(tmp_path, "news") == list(range(1, 25))
    assert sorted((f / "variables" / "data").read_text() for f in folders) == sorted(map(str, range(24)))


def test_a_killed_publisher_leaves_nothing_that_counts(tmp_path: Path) -> None:
    code = (
        "import sys, time; from tfapp.registry import atomic_publish\n"
        "with atomic_publish.staging_folder(sys.argv[1], 'news') as staged:\n"
        "    (staged / 'half').touch(); print(staged, flush=True); time.sleep(600)\n"
    )
    with atomic_publish.staging_folder(tmp_path, "news") as staging:
        (staging / "mine").touch()
        writer = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        draft = Path(writer.stdout.readline().strip())
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert (draft / "half").exists()
        assert registry.models(tmp_path) == []
        # The next one sweeps what the dead left, and what no living process holds only.
        assert _publish(tmp_path, "a").name == "1"
        assert not draft.exists()
        assert (staging / "mine").exists()


def test_publish_refuses_what_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RegistryError, match="nothing to publish as news"):
        atomic_publish.publish(tmp_path / "empty", tmp_path / "models", "news")
    with pytest.raises(RegistryError, match="nothing to publish as news"):
        atomic_publish.publish(tmp_path / "missing", tmp_path / "models", "news")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up"])
def test_a_name_must_be_a_plain_folder_name(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(RegistryError, match="must be a plain folder name"),
        atomic_publish.staging_folder(tmp_path, name),
    ):
        pass


@pytest.mark.parametrize("name", ["news[1]", "news*", "news?"])
def test_a_name_must_be_no_pattern(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(RegistryError, match=r"must have none of \[ \] \* \?"),
        atomic_publish.staging_folder(tmp_path, name),
    ):
        pass


def test_a_models_folder_must_be_no_pattern(tmp_path: Path) -> None:
    with (
        pytest.raises(RegistryError, match=r"/a\[b\]: TensorFlow takes \[ \] and \\ in a path for a pattern"),
        atomic_publish.staging_folder(tmp_path / "a[b]", "news"),
    ):
        pass


def test_a_models_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(RegistryError, match=r"cannot be written: .*; choose another"),
        atomic_publish.staging_folder(tmp_path / "file", "news"),
    ):
        pass


@pytest.mark.parametrize("name", ["9223372036854775807", "9223372036854775806"])
def test_after_the_highest_number_nothing_is_published_and_all_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "news" / name).mkdir(parents=True)
    # A file has a number, too, which no version can take.
    if not (highest := tmp_path / "news" / "9223372036854775807").exists():
        highest.touch()
    with pytest.raises(RegistryError, match=r"model news has version 9223372036854775807, the highest .*another name"):
        _publish(tmp_path, "a")
    assert registry.latest(tmp_path, "news") == int(name)
    assert [path.name for path in tmp_path.iterdir()] == ["news"]
