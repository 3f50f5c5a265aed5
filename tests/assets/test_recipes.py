from __future__ import annotations

import json

import pytest

from tfapp.assets.recipes import DATA_FILE, bbc_news, chatterbot, hugging_face_folder, vader
from tfapp.errors import AssetError


def _rows(folder):
    text = (folder / DATA_FILE).read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def test_bbc_news_rows_alternate_between_labels(local_index, tmp_path):
    asset = local_index.entries["news"]
    bbc_news(local_index.folder / asset.archive.file, tmp_path, asset.options)
    assert _rows(tmp_path) == [
        {"text": "Mutu, a £15.8m signing", "label": "sports", "id": "sports/001"},
        {"text": "Phones\n\nare small.", "label": "tech", "id": "tech/001"},
        {"text": "Café", "label": "sports", "id": "sports/002"},
    ]


def test_vader_rows_keep_tabs_in_texts(local_index, tmp_path):
    asset = local_index.entries["tweets"]
    vader(local_index.folder / asset.archive.file, tmp_path, asset.options)
    assert _rows(tmp_path) == [
        {"text": "So good\tindeed", "rating": 2.5, "id": "1"},
        {"text": "meh, clichés", "rating": -0.4, "id": "2"},
    ]


def test_chatterbot_turns_answer_the_one_before(tmp_path, pack_zip):
    greetings = "conversations:\n- - Hello\n  - Hi\n  - How are you?\n- - '22'\n  - 5\n- - alone\n- Melted - into one\n"
    members = {
        "c/data/english/greetings.yml": greetings.encode(),
        "c/data/chinese/food.yml": "conversations:\n- - 你好\n  - 嗨\n".encode(),
        "c/data/english/notes.txt": b"- - no\n  - data\n",
    }
    (tmp_path / "c.whl").write_bytes(pack_zip(members))
    chatterbot(tmp_path / "c.whl", tmp_path, {"folder": "c/data"})
    assert [tuple(row.values()) for row in _rows(tmp_path)] == [
        ("你好", "嗨", "chinese", "food"),
        ("Hello", "Hi", "english", "greetings"),
        ("Hi", "How are you?", "english", "greetings"),
        ("22", "5", "english", "greetings"),
    ]
    assert list(_rows(tmp_path)[0]) == ["question", "answer", "language", "topic"]


def test_chatterbot_documents_cannot_make_objects(tmp_path, pack_zip):
    bomb = b"conversations:\n- - !!python/object/apply:os.getcwd []\n  - x\n"
    (tmp_path / "c.whl").write_bytes(pack_zip({"c/data/english/x.yml": bomb}))
    with pytest.raises(Exception, match="could not determine a constructor"):
        chatterbot(tmp_path / "c.whl", tmp_path, {"folder": "c/data"})


def test_a_checkpoint_is_copied_as_it_is(local_index, tmp_path):
    asset = local_index.entries["tiny"]
    hugging_face_folder(local_index.folder / asset.archive.file, tmp_path / "out", asset.options)
    files = {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert files == {"config.json", "model.safetensors", "pooling/config.json"}


@pytest.mark.parametrize("file", ["model.safetensors", "missing.bin"])
def test_other_weights_than_expected_are_refused(local_index, tmp_path, file):
    asset = local_index.entries["tiny"]
    options = {**asset.options, "sha256": {file: "0" * 64}}
    with pytest.raises(AssetError, match=f"{file}: expected sha256 000"):
        hugging_face_folder(local_index.folder / asset.archive.file, tmp_path / "out", options)
