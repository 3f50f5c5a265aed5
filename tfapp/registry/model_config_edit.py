"""Edits one model in a ModelServerConfig's text; comments and all that is said of other models stay."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfapp.core.text_protos import parse_text_proto
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry.text_proto_fields import Field, find_fields, insert_after, line_indent, remove

__all__ = ["NEW_FILE", "edit_model"]

NEW_FILE: Final = (
    "# Models, versions and labels to serve: a ModelServerConfig, as `tfapp serve` and TensorFlow Serving read it.\n"
    "# `tfapp models` changes it; so may you.\n"
)
_PLATFORM: Final = "tensorflow"


def edit_model(
    text: str,
    name: str,
    base_path: Path,
    *,
    versions: Collection[int] | None,
    labels: Mapping[str, int],
    path: Path | str = "models.config",
) -> str:
    """Changes the versions and labels of a model.

    Args:
        text: A ModelServerConfig in text format.
        name: The model; one that is not in it is added.
        base_path: The folder of its versions, for one that is added.
        versions: The versions to load; None: its policy stays.
        labels: All its labels.
        path: Where the text is from, for errors.

    Returns:
        The new text, whose meaning has been checked against what was asked.

    Raises:
        SettingsError: The text is malformed.
        RegistryError: The text is written in a way that cannot be changed without touching more of it.
    """
    target = _target(_parse(text, path), name, base_path, versions, labels)
    try:
        new_text = _edit_text(text, _parse(text, path), target, name)
        if _in_order(_parse(new_text, path)) == _in_order(target):
            return new_text
    except (ValueError, IndexError, SettingsError):
        pass
    raise RegistryError(
        f"{path}: the entry of model {name} is written in a form that cannot be changed in place; "
        "write it as config { ... version_labels { key: ... value: ... } }"
    )


def _parse(text: str, path: Path | str) -> Any:
    return parse_text_proto(text, model_server_config_pb2.ModelServerConfig(), path)


def _target(
    config: Any, name: str, base_path: Path, versions: Collection[int] | None, labels: Mapping[str, int]
) -> Any:
    items = config.model_config_list.config
    item = next((item for item in items if item.name == name), None)
    if item is None:
        item = items.add(name=name, base_path=str(base_path), model_platform=_PLATFORM)
    if versions is not None:
        item.model_version_policy.specific.SetInParent()
        item.model_version_policy.specific.versions[:] = sorted(versions)
    item.version_labels.clear()
    item.version_labels.update(labels)
    return config


def _in_order(config: Any) -> Any:
    """Sorts the lists of versions, without repetitions: the order means nothing."""
    for item in config.model_config_list.config:
        if item.model_version_policy.HasField("specific"):
            numbers = item.model_version_policy.specific.versions
            numbers[:] = sorted(set(numbers))
    return config


def _edit_text(text: str, before: Any, target: Any, name: str) -> str:
    model_index, item = next((i, item) for i, item in enumerate(target.model_config_list.config) if item.name == name)
    current = before.model_config_list.config
    if model_index == len(current):
        return _with_model(text, item)
    if current[model_index].model_version_policy != item.model_version_policy:
        text = _with_versions(text, model_index, list(item.model_version_policy.specific.versions))
    for label in sorted({*current[model_index].version_labels, *item.version_labels}):
        if label not in item.version_labels:
            while (entry := _entry(text, _block(text, model_index), label)) is not None:
                text = remove(text, entry)
        elif current[model_index].version_labels.get(label) != item.version_labels[label]:
            text = _with_label(text, model_index, label, item.version_labels[label])
    return text


def _with_model(text: str, item: Any) -> str:
    config = model_server_config_pb2.ModelConfigList(config=[item])
    new = text_format.MessageToString(config, as_utf8=True, indent=2).rstrip()
    lists = find_fields(text).all("model_config_list")
    if not lists:
        return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}model_config_list {{\n{new}\n}}\n"
    fields = [field for field in lists[-1].all("config") if text.startswith("config", field.start)]
    if fields:
        # textwrap would take other characters for line ends, too, which names of labels may have.
        return insert_after(text, fields[-1], re.sub("(?m)^  ", "", new))
    return _insert_before(text, lists[-1], f"\n{new}\n")


def _with_versions(text: str, model_index: int, versions: list[int]) -> str:
    block = _block(text, model_index)
    choice = f"specific {{ {' '.join(f'versions: {version}' for version in versions)} }}"
    policies = block.all("model_version_policy")
    if not policies:
        return _append(text, block, f"model_version_policy {{ {choice} }}", ("model_version_policy",))
    if not policies[-1].children:
        return _insert_before(text, policies[-1], f" {choice} ")
    (policy,) = policies[-1].children
    if policy.name != "specific":
        return _replace(text, policy.start, policy.end, choice)
    fields = policy.all("versions")
    if any(text[field.value] == "[" for field in fields):
        for field in reversed(fields[1:]):
            text = remove(text, field)
        return _replace(text, fields[0].value, fields[0].end, str(versions))
    return _with_numbers(text, model_index, versions)


def _with_numbers(text: str, model_index: int, versions: list[int]) -> str:
    """Adds single numbers to the list and takes others out, so that the comments beside the rest stay."""
    for version in versions:
        specific, fields = _numbers(text, model_index)
        fields_before = [field for number, field in fields if number < version]
        if version in dict(fields):
            continue
        if fields_before:
            text = insert_after(text, fields_before[-1], f"versions: {version}")
        elif fields:
            text = f"{text[: fields[0][1].start]}versions: {version} {text[fields[0][1].start :]}"
        else:
            text = _insert_before(text, specific, f" versions: {version} ")
    for number, field in reversed(_numbers(text, model_index)[1]):
        if number not in versions:
            text = remove(text, field)
    return text


def _numbers(text: str, model_index: int) -> tuple[Field, list[tuple[int, Field]]]:
    """Returns the list of a model's versions, and each number in it with its field."""
    specific = _block(text, model_index).all("model_version_policy", "specific")[-1]
    return specific, [(int(text[field.value : field.end], 0), field) for field in specific.all("versions")]


def _with_label(text: str, model_index: int, label: str, version: int) -> str:
    block = _block(text, model_index)
    entry = _entry(text, block, label)
    if entry is None:
        item = model_server_config_pb2.ModelConfig(version_labels={label: version})
        new = text_format.MessageToString(item, as_utf8=True, as_one_line=True).strip()
        return _append(text, block, new, ("version_labels", "model_version_policy"))
    numbers = entry.all("value")
    if not numbers:
        return _insert_before(text, entry, f" value: {version} ")
    return _replace(text, numbers[-1].value, numbers[-1].end, str(version))


def _entry(text: str, block: Field, label: str) -> Field | None:
    """Returns the last entry of a label, which is the one that counts."""
    for entry in reversed(block.all("version_labels")):
        item = model_server_config_pb2.ModelConfig()
        text_format.Parse(f"version_labels {text[entry.value : entry.end]}", item)
        if label in item.version_labels:
            return entry
    return None


def _block(text: str, model_index: int) -> Field:
    return find_fields(text).all("model_config_list", "config")[model_index]


def _append(text: str, block: Field, new: str, after: tuple[str, ...]) -> str:
    """Adds a field behind those of its kind, or at the block's end."""
    anchor = next((child for name in after for child in reversed(block.all(name))), block.children[-1])
    # An element of a list has no name of its own: what follows it would be in the list.
    if not text.startswith(anchor.name, anchor.start):
        return _insert_before(text, block, f" {new} ")
    return insert_after(text, anchor, new)


def _insert_before(text: str, message: Field, new: str) -> str:
    """Adds a field before a message's closing bracket."""
    return f"{text[: message.inner_end].rstrip(' ')}{new}{text[message.inner_end :]}"


def _replace(text: str, start: int, end: int, new: str) -> str:
    """Replaces a part of the text; comments in it are put before the new part."""
    strings = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
    comments = list(filter(None, re.findall(rf"{strings}|(#[^\n]*)", text[start:end])))
    indent = line_indent(text, start)
    return text[:start] + "".join(f"{comment}\n{indent}" for comment in comments) + new + text[end:]
