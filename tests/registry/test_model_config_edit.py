from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from tests.registry.fake_versions import parse
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry.model_config_edit import NEW_FILE, edit_model

_BASE = Path("/models/news")
_OPERATORS = """\
# Ours; ask Ada before you change it.
model_config_list {
  config {
    name: "mail"  # the other one
    base_path: "/models/mail"
    model_platform: "tensorflow"
    version_labels { key: "stable" value: 7 }
  }
  config {
    name: "news"
    base_path: "/somewhere/news"   # not where you think
    model_platform: "tensorflow"
    # Why these: see the wiki.
    model_version_policy { specific {
      versions: 1  # the safe one
      versions: 2  # the new one
    } }
    version_labels { key: "stable" value: 1 }  # what customers get
    version_labels { key: "canary" value: 2 }  # what we try
    logging_config { sampling_config { sampling_rate: 0.1 } }
  }
}
"""


def _entry(text: str, name: str = "news") -> Any:
    return next(item for item in parse(text).model_config_list.config if item.name == name)


def _comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


def test_only_what_changes_is_touched() -> None:
    new = edit_model(_OPERATORS, "news", _BASE, versions=[2, 3], labels={"stable": 2, "canary": 3})
    assert new == _OPERATORS.replace("      versions: 1  # the safe one\n", "      # the safe one\n").replace(
        "versions: 2  # the new one\n", "versions: 2  # the new one\n      versions: 3\n"
    ).replace('"stable" value: 1', '"stable" value: 2').replace('"canary" value: 2', '"canary" value: 3')


def test_a_label_comes_and_goes_with_its_line() -> None:
    with_old = edit_model(_OPERATORS, "news", _BASE, versions=None, labels={"stable": 1, "canary": 2, "old": 1})
    lines = '    version_labels { key: "canary" value: 2 }  # what we try\n    version_labels { key: "old" value: 1 }\n'
    assert lines in with_old
    assert edit_model(with_old, "news", _BASE, versions=None, labels={"stable": 1, "canary": 2}) == _OPERATORS
    bare = edit_model(_OPERATORS, "news", _BASE, versions=None, labels={})
    assert dict(_entry(bare).version_labels) == {}
    assert _comments(bare) == _comments(_OPERATORS)
    assert dict(_entry(bare, "mail").version_labels) == {"stable": 7}


def test_a_model_is_added_at_the_end_and_the_file_is_made() -> None:
    content = edit_model(NEW_FILE, "news", _BASE, versions=[3], labels={"stable": 3})
    assert content.startswith(NEW_FILE)
    item = _entry(content)
    assert (item.base_path, item.model_platform) == ("/models/news", "tensorflow")
    assert list(item.model_version_policy.specific.versions) == [3]
    both_models = edit_model(content, "mail", Path("/models/mail"), versions=[1], labels={})
    assert both_models.startswith(content.removesuffix("}\n"))
    assert [item.name for item in parse(both_models).model_config_list.config] == ["news", "mail"]
    assert edit_model("", "news", _BASE, versions=[3], labels={"stable": 3}) == content.removeprefix(NEW_FILE)


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "model_version_policy {}",
        "model_version_policy { latest { num_versions: 2 } }",
        "model_version_policy { latest { # two\n num_versions: 2 } }",
        "model_version_policy: { all: {} };",
        "model_version_policy < specific < versions: [ 1, # one\n 2 ] > >",
        "model_version_policy { specific {} },",
        "model_version_policy { specific { versions: 0x1, versions: 9; } }",
    ],
)
@pytest.mark.parametrize("line", ["\n", " "])
def test_every_form_of_policy_becomes_the_versions_that_are_asked(policy: str, line: str) -> None:
    parts = ['name: "news"', 'base_path: "/b"', 'model_platform: "tensorflow"', policy]
    text = f"model_config_list {{ config {{ {line.join(parts)} }} }}"
    new = edit_model(text, "news", _BASE, versions=[2, 4], labels={"stable": 4})
    assert list(_entry(new).model_version_policy.specific.versions) == [2, 4]
    assert dict(_entry(new).version_labels) == {"stable": 4}
    assert _comments(new) == [comment.rstrip() for comment in _comments(text)] or len(_comments(text)) == 1


@pytest.mark.parametrize(
    "labels",
    [
        "version_labels: [{ key: 'stable' value: 1 }, { key: 'canary' value: 2 }]",
        "version_labels { value: 1 key: 'sta' 'ble' } version_labels { key: 'canary' # }\n value: 2 }",
        'version_labels { key: "stable" } version_labels { key: "ca\\156ary" value: 2 }',
        "version_labels { key: 'stable' value: 9 } version_labels { key: 'canary' value: 2 }",
    ],
)
def test_every_form_of_labels_can_be_moved(labels: str) -> None:
    text = f"model_config_list: {{ config: [{{ name: 'other' }}, {{ name: 'news' {labels} }}] }}"
    new = edit_model(text, "news", _BASE, versions=None, labels={"stable": 5, "canary": 2})
    assert dict(_entry(new).version_labels) == {"stable": 5, "canary": 2}
    assert _entry(new, "other").name == "other"


def test_labels_leave_a_list() -> None:
    text = (
        "model_config_list { config { name: 'news' version_labels: [{ key: 'a' value: 1 }, { key: 'b' value: 2 }] } }"
    )
    for labels in ({"a": 1}, {"b": 2}, {}):
        new = edit_model(text, "news", _BASE, versions=None, labels=labels)
        assert dict(_entry(new).version_labels) == labels
        # TensorFlow Serving's parser takes no comma at a list's end.
        assert not re.search(r"[\[,]\s*,|,\s*\]", new)


def test_what_cannot_be_changed_in_place_is_told_and_not_guessed() -> None:
    with pytest.raises(RegistryError, match="cannot be changed in place; write it as config") as excinfo:
        edit_model("model_config_list { config {} }", "", _BASE, versions=None, labels={"b": 1})
    assert "\n" not in str(excinfo.value)
    with pytest.raises(SettingsError, match=r"my\.config, line 1"):
        edit_model("model_config_list {", "news", _BASE, versions=None, labels={}, path="my.config")


_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_numbers = st.integers(0, 2**63 - 1)
_labels = st.dictionaries(_names, _numbers, max_size=4)
_versions = st.lists(_numbers, unique=True, max_size=4)


@st.composite
def _configs(draw: st.DrawFn) -> tuple[str, str]:
    """A config as protobuf prints it, with comments between its lines, and the name of one of its models."""
    config = model_server_config_pb2.ModelServerConfig()
    names = draw(st.lists(_names, min_size=1, max_size=3, unique=True))
    for name in names:
        item = config.model_config_list.config.add(name=name, base_path="/b # no comment", model_platform="tensorflow")
        item.version_labels.update(draw(_labels))
        if draw(st.booleans()):
            item.model_version_policy.specific.versions[:] = draw(_versions)
    content = text_format.MessageToString(
        config, as_utf8=draw(st.booleans()), use_short_repeated_primitives=draw(st.booleans())
    )
    notes = draw(st.lists(st.sampled_from(["", "  # } note '", '  # "{ key']), min_size=1, max_size=5))
    lines = content.split("\n")[:-1]
    text = "".join(f"{line}{notes[place % len(notes)]}\n" for place, line in enumerate(lines))
    return text, draw(st.sampled_from(names))


@given(_configs(), st.none() | st.lists(_numbers, min_size=1, max_size=4, unique=True), _labels)
def test_what_is_asked_is_what_tensorflow_serving_reads(
    config: tuple[str, str], versions: list[int] | None, labels: dict[str, int]
) -> None:
    text, name = config
    old_request = parse(text)
    item = next(item for item in old_request.model_config_list.config if item.name == name)
    item.version_labels.clear()
    item.version_labels.update(labels)
    if versions is not None:
        item.model_version_policy.specific.versions[:] = sorted(versions)
    new = edit_model(text, name, _BASE, versions=versions, labels=labels)
    new_request = parse(new)
    if versions is not None:
        numbers = next(
            i for i in new_request.model_config_list.config if i.name == name
        ).model_version_policy.specific.versions
        numbers.sort()
    assert new_request == old_request
    # What is asked again changes nothing.
    assert edit_model(new, name, _BASE, versions=versions, labels=labels) == new


@given(_configs(), _labels)
def test_there_and_back(config: tuple[str, str], labels: dict[str, int]) -> None:
    text, name = config
    labels_before = dict(next(i for i in parse(text).model_config_list.config if i.name == name).version_labels)
    labelled_text = edit_model(text, name, _BASE, versions=None, labels=labels_before | labels)
    restored_text = edit_model(labelled_text, name, _BASE, versions=None, labels=labels_before)
    assert parse(restored_text) == parse(text)
    assert _comments(restored_text) == _comments(text)
