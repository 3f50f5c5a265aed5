from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.processes import call, complaint
from tests.registry.fake_versions import add_version, parse, record
from tests.served_models import write_numbers
from tfapp import registry
from tfapp.server import ServerSettings, running_server


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version, accuracy in ((1, 0.9), (2, 0.95)):
        metadata = {"task": "classification", "metrics": {"texts": 9, "accuracy": accuracy}, "data": {"rows": version}}
        add_version(tmp_path, "news", version, **metadata)
    for version in (1, 2):
        write_numbers(tmp_path, version)
    return tmp_path


def _lines(*arguments: str | Path) -> list[str]:
    result = call("models", *arguments)
    assert result.code == 0, result
    return [re.sub(r"  +", " | ", line.strip()) for line in result.out.splitlines()]


def test_a_version_goes_out_and_comes_back(models: Path) -> None:
    options = ("--models", models)
    only = ['callers get version 1 with label="stable", version 1 without a label']
    assert _lines("promote", "numbers", "1", *options) == ["numbers: stable is at version 1", *only]
    first = call("models", "promote", "numbers", "2", *options, "--label", "canary")
    newer = 'version 1 with label="stable", version 2 without a label (canary is newer than stable)'
    message = f'numbers: canary is at version 2\ncallers get version 2 with label="canary", {newer}\n'
    assert (first.out, first.err) == (message, "")
    callers = 'callers get version 2 with label="canary", version 2 with label="stable", version 2 without a label'
    assert _lines("promote", "numbers", "2", *options) == ["numbers: stable is at version 2, it was at 1", callers]
    assert _lines("promote", "numbers", "2", *options) == ["numbers: stable is at version 2 already", callers]
    assert _lines("unlabel", "numbers", "canary", *options) == [
        "numbers: canary is removed, it was at version 2",
        'callers get version 2 with label="stable", version 2 without a label',
    ]
    assert _lines("rollback", "numbers", *options) == ["numbers: stable is at version 1, it was at 2", *only]
    (item,) = parse((models / registry.CONFIG_FILE).read_text()).model_config_list.config
    assert dict(item.version_labels) == {"stable": 1}
    history = _lines("history", *options)
    assert [line.split(" | ")[3:5] for line in history[1:]] == [
        ["promote", "stable - → 1"],
        ["promote", "canary - → 2"],
        ["promote", "stable 1 → 2"],
        ["unlabel", "canary 2 → -"],
        ["rollback", "stable 2 → 1"],
    ]
    as_json = json.loads(call("models", "history", "numbers", *options, "--json").out)
    assert [(change["label"], change["from"], change["to"]) for change in as_json[:2]] == [
        ("stable", None, 1),
        ("canary", None, 2),
    ]


def test_what_callers_get_is_in_json_and_told_without_labels(models: Path) -> None:
    options = ("--models", models)
    promotion = json.loads(call("models", "promote", "numbers", "1", *options, "--label", "old", "--json").out)
    assert promotion["to"] == 1
    assert promotion["callers"] == {"with_label": {"old": 1}, "without_label": 2}
    # Without a stable, nobody is switched by a name that goes.
    assert _lines("unlabel", "numbers", "old", *options)[-1] == "callers get version 2 without a label (the newest)"
    write_numbers(models, 3)
    call("models", "promote", "numbers", "1", *options, "--label", "old")
    assert _lines("unlabel", "numbers", "old", *options)[-1] == (
        "callers get version 2 without a label (the newest that models.config names)"
    )


def test_a_file_written_by_hand_is_told_as_it_is(models: Path) -> None:
    (models / registry.CONFIG_FILE).write_text(
        f'model_config_list {{ config {{ name: "numbers" base_path: "{models}/numbers" model_platform: "tensorflow"\n'
        'model_version_policy { all {} } version_labels { key: "gone" value: 9 } } }'
    )
    result = call("models", "promote", "numbers", "1", "--models", models)
    assert result.code == 0
    assert result.out.splitlines()[-1] == (
        'callers get no answer with label="gone", version 1 with label="stable", version 2 without a label '
        "(models.config serves all versions, and it is newer than stable)"
    )
    assert (
        "models.config serves all versions of numbers: 2 stay loaded, though no label names them; write specific "
        "{ versions: 1 } there instead of all {} to serve what labels name alone\n"
    ) in result.err


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("promote", "numbers", "2"), "is not promoted to stable"),
        (("promote", "numbers", "9"), "has no version 9"),
        (("rollback", "numbers"), "has no earlier version on disk"),
    ],
)
def test_a_stable_without_a_policy_is_told_and_settled_by_a_refusal(
    models: Path, command: tuple[str, ...], why: str
) -> None:
    options = ("--models", models)
    for version in (1, 2):
        record(models / "numbers" / str(version), task="t", checks_inputs=True, metrics={"accuracy": 1 / version})
        record(models / "news" / str(version), checks_inputs=True)
    (models / registry.CONFIG_FILE).write_text(
        f'model_config_list {{ config {{ name: "numbers" base_path: "{models}/numbers" model_platform: "tensorflow"\n'
        'version_labels { key: "stable" value: 1 } } }'
    )
    warning = (
        "numbers: callers without a label get version 2 (the newest), though stable names version 1; models.config has "
        f"no model_version_policy for numbers; `tfapp models promote numbers 1 --models {models}` has servers load "
        "what labels name alone\n"
    )
    assert call("models", "list", *options).err == warning
    assert call("models", "show", "numbers", *options).err == warning
    listing = json.loads(call("models", "list", *options, "--json").out)
    assert listing[1]["callers"] == {"with_label": {"stable": None}, "without_label": 2}
    result = call("models", *command, *options)
    assert why in complaint(result)
    assert result.out == (
        "numbers: servers now load only the versions that labels name\n"
        'callers get version 1 with label="stable", version 1 without a label\n'
    )
    assert call("models", "list", *options).err == ""


@pytest.mark.parametrize("command", [("promote", "numbers", "3"), ("rollback", "numbers")])
def test_a_label_on_a_version_that_was_not_served_is_remarked(models: Path, command: tuple[str, ...]) -> None:
    options = ("--models", models)
    write_numbers(models, 3)
    for version in ("3", "2"):
        call("models", "promote", "numbers", version, *options)
    result = call("models", *command, *options)
    assert result.out.startswith("numbers: stable is at version 3, it was at 2\n")
    assert result.err.startswith("version 3 was not served so far.")
    assert "give --server" in result.err


def test_what_there_is(models: Path) -> None:
    options = ("--models", models)
    call("models", "promote", "numbers", "1", *options)
    assert _lines("list", *options) == [
        "model | version | newest | labels | task | metric",
        "news | 2* | 2* | classification | accuracy 0.9500",
        "numbers | 1 | 2 | stable 1",
    ]
    title, heading, *rows = _lines("show", "news", *options)
    assert title == f"news, classification, in {models}"
    assert heading == "version | labels | served | metric | size | exported"
    assert [row.split(" | ")[:3] for row in rows] == [["2*", "yes", "accuracy 0.9500"], ["1*", "no", "accuracy 0.9000"]]
    listing = json.loads(call("models", "list", *options, "--json").out)
    details = json.loads(call("models", "show", "numbers", *options, "--json").out)
    assert details == listing[1]
    assert (details["version"], details["labels"]) == (1, {"stable": 1})
    assert [(v["version"], v["labels"], v["served"]) for v in details["versions"]] == [
        (1, ["stable"], True),
        (2, [], False),
    ]


def test_versions_whose_graph_does_not_check_its_inputs_are_marked(models: Path) -> None:
    options = ("--models", models)
    remark = call("models", "list", *options).err
    assert remark.startswith("* exported before graphs checked the shapes of their inputs: news 1, 2. `tfapp serve`")
    assert "TensorFlow Serving ends at a request of a wrong shape until they are exported again" in remark
    assert "exported before" in call("models", "show", "news", *options).err
    listing = json.loads(call("models", "list", *options, "--json").out)
    assert [version["checks_inputs"] for model in listing for version in model["versions"]] == [
        False,
        False,
        None,
        None,
    ]
    for version in (1, 2):
        record(models / "news" / str(version), task="classification", checks_inputs=True)
    assert call("models", "list", *options).err == ""
    assert _lines("list", *options)[1].startswith("news | 2 | 2 |")


def test_differences(models: Path) -> None:
    heading, *rows = _lines("diff", "numbers", "1", "2", "--models", models)
    assert heading == "part | name | version 1 | version 2"
    assert [row.split(" | ")[0] for row in rows] == ["size"]
    write_numbers(models, 3, add=1.0).joinpath("assets.extra").mkdir(exist_ok=True)
    (models / "numbers" / "3" / "assets.extra" / "tfapp.json").write_text(
        '{"labels": ["[b]"], "metrics": {"accuracy": 0.5}}'
    )
    rows = _lines("diff", "numbers", "2", "3", "--models", models)
    assert {"metrics | accuracy | - | 0.5000", "labels | [b] | no | yes"} <= set(rows)
    as_json = json.loads(call("models", "diff", "numbers", "2", "3", "--models", models, "--json").out)
    assert (as_json["from"], as_json["to"], as_json["labels_added"]) == (2, 3, ["[b]"])
    assert as_json["metrics"] == {"accuracy": [None, 0.5]}


def test_a_difference_says_of_how_many_texts_it_is(models: Path) -> None:
    record = {"rows": "f", "interval": [0.9, 1.0], "unit": "texts"}
    for version, wrong_rows in ((5, [1, 2, 3]), (6, [1, 4, 5, 6, 7, 8])):
        folder = write_numbers(models, version, add=1.0) / "assets.extra"
        folder.mkdir(exist_ok=True)
        metrics = {"evaluated_on": "test split", "texts": 103, "accuracy": 1 - len(wrong_rows) / 103}
        metadata = {"metrics": metrics, "evaluation": record | {"wrong": wrong_rows}}
        (folder / "tfapp.json").write_text(json.dumps(metadata))
    *_, last = _lines("diff", "numbers", "5", "6", "--models", models)
    assert last == (
        "accuracy 0.971 of version 5 and 0.942 of version 6 differ by 3 of 103 texts; version 5 alone is right on 5 "
        "texts, version 6 alone on 2: too few to tell which is better (exact McNemar test, p = 0.45)"
    )
    as_json = json.loads(call("models", "diff", "numbers", "5", "6", "--models", models, "--json").out)
    assert as_json["comparison"] == last


def test_prune(models: Path) -> None:
    options = ("--models", models, "--keep", "1")
    assert _lines("prune", "news", *options, "--dry-run")[0].startswith("news: would remove versions 1 (")
    assert json.loads(call("models", "prune", "news", *options, "--json").out)["versions"] == [1]
    assert registry.versions(models, "news") == [2]
    assert _lines("prune", "news", *options) == ["news: removed no versions (0 bytes)"]


def test_with_a_server(models: Path) -> None:
    settings = ServerSettings(port=0, file_system_poll_wait_seconds=0.05)
    with running_server(models, names=["numbers"], settings=settings) as server:
        options = ("--models", models, "--server", server.address, "--timeout", "60")
        assert _lines("promote", "numbers", "1", *options)[0] == "numbers: stable is at version 1"
        assert _lines("promote", "numbers", "2", *options)[0] == "numbers: stable is at version 2, it was at 1"
        assert _lines("promote", "numbers", "1", *options, "--label", "old")[0] == "numbers: old is at version 1"
        assert server.manager.available() == {"numbers": [1, 2]}
        assert _lines("unlabel", "numbers", "old", *options)[0] == "numbers: old is removed, it was at version 1"
        assert server.manager.available() == {"numbers": [2]}
        assert _lines("rollback", "numbers", *options)[0] == "numbers: stable is at version 1, it was at 2"
        with server.manager.use("numbers", label="stable") as servable:
            assert servable.version == 1


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["promote", "numbers", "9"], "model numbers has no version 9; it has: 1, 2"),
        (["promote", "nunbers", "1"], 'no model nunbers in it; did you mean "numbers"?'),
        (["promote", "news", "2"], "news version 2 does not load and warm up"),
        (["promote", "numbers", "1", "--label", "a/b"], "must be letters, digits"),
        (["promote", "numbers", "1", "--reload"], "give --server HOST:PORT"),
        (["promote", "numbers", "1", "--server", "x:1", "--tls-key", "k"], "needs both key and certificate"),
        (["promote", "numbers", "1", "--server", "x:1", "--token-file", "no"], "--token-file no: cannot be read"),
        (["promote", "numbers", "1", "--server", "x:1", "--tls-root", "no.pem"], "x:1 cannot be called"),
        (["rollback", "numbers"], "model numbers has no label stable"),
        (["unlabel", "numbers", "canary"], "model numbers has no label canary"),
        (["prune", "numbers", "--keep", "0"], "keep must be 1 or more, got 0"),
        (["show", "mail"], "no model mail in it"),
        (["diff", "news", "1", "2"], "saved_model.pb cannot be read"),
    ],
)
def test_mistakes_are_one_line(models: Path, arguments: list[str], rule: str) -> None:
    assert rule in complaint(call("models", *arguments, "--models", models))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no such models folder" in complaint(call("models", "list", "--models", tmp_path / "none"))
