"""Reads a user's settings, from a TOML file and `--set` overrides, and names the first mistake in one line."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tfapp.errors import SettingsError, did_you_mean

__all__ = [
    "apply_override",
    "build_settings",
    "first_problem",
    "merge_overrides",
    "read_toml",
    "section_of",
    "validate_settings",
]

S = TypeVar("S", bound=BaseModel)

_LETTERS: Final = f"{string.ascii_letters}{string.digits}_.-"


def read_toml(file: Path, *, hint: str = "") -> dict[str, Any]:
    """Reads a settings file.

    Args:
        file: The file.
        hint: How one is made, for the error that there is none.

    Raises:
        SettingsError: The file is missing or no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise SettingsError(f"{file}: no such settings file{f'; {hint}' if hint else ''}") from error
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        # Beside what is no TOML: numbers of thousands of digits, brackets in thousands of brackets.
        hint = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else "mend the line"
        raise SettingsError(f"{file}: not valid TOML: {error}; {hint}") from error


def build_settings(settings: type[S], values: Mapping[str, Any], overrides: Iterable[str], *, source: str) -> S:
    """Builds settings from nested dicts, which are left as they are, and overrides.

    Raises:
        SettingsError: A setting has an unknown name or breaks its rule; begins with `source`.
    """
    return validate_settings(settings, merge_overrides(settings, values, overrides, source=source), source=source)


def merge_overrides(
    settings: type[BaseModel], values: Mapping[str, Any], overrides: Iterable[str], *, source: str
) -> dict[str, Any]:
    """Returns nested dicts of our own, with overrides laid over the values.

    Raises:
        SettingsError: An override has another form, or the values are nested too deeply.
    """
    with _depth_limit(source):
        result = _copy_values(values)
        for item in overrides:
            apply_override(result, item, settings)
        return result


def validate_settings(settings: type[S], values: Mapping[str, Any], *, source: str) -> S:
    """Builds settings from nested dicts.

    Raises:
        SettingsError: A setting has an unknown name or breaks its rule; begins with `source`.
    """
    with _depth_limit(source):
        try:
            return settings.model_validate(values)
        except ValidationError as error:
            problem = " ".join(first_problem(error, settings).splitlines())
            raise SettingsError(f"{source}: {problem}") from error


@contextmanager
def _depth_limit(source: str) -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise SettingsError(
            f"{source}: its sections are nested too deeply; no setting is more than three names deep"
        ) from error


def apply_override(values: dict[str, Any], item: str, settings: type[BaseModel]) -> None:
    """Lays one `section.name=value` over nested dicts; a value is read as TOML, or as a plain string where it is none.

    Raises:
        SettingsError: The item has another form, or goes below a value.
    """
    name, equals, text = item.partition("=")
    if not equals:
        # What follows the name may be a secret.
        raise SettingsError(f"--set {_name(item)}: expected section.name=value, for example training.epochs=2")
    *sections, leaf = name.strip().split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsError(
                f"--set {' '.join(name.split())}: {section} is a value, not a section; set {section} itself"
            )
        values = inner
    values[leaf] = _parse_value(text.strip(), wants_text=_takes_text([*sections, leaf], settings))


def _name(item: str) -> str:
    """Returns the beginning of an item, as far as it may be a setting's name."""
    return item[: len(item) - len(item.lstrip(_LETTERS))]


def _copy_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the same values in dicts of our own."""
    return {key: _copy_values(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _parse_value(text: str, *, wants_text: bool) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
    # A column may be named 1 and a file 2024-01-01.
    return text if wants_text and not isinstance(value, str) else value


def _takes_text(path: list[str], settings: type[BaseModel]) -> bool:
    """Returns whether the setting of this name holds any text."""
    try:
        return _names_of(path[:-1], settings)[path[-1]].annotation in (str, str | None)
    except KeyError:
        return False


def first_problem(error: ValidationError, settings: type[BaseModel]) -> str:
    """Returns the first mistake in the values of some settings: the field, the rule, and the value unless secret."""
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"]]
    name = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"unknown setting {name}{did_you_mean(path[-1], _names_of(path[:-1], settings))}"
    if problem["type"] == "missing":
        example = f"{name}.train" if name == "data" else name
        return f"{name} is missing; add it to the file or give it with --set {example}=..."
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    if problem["type"] == "value_error":
        return f"{name}: {rule}" if name else rule
    if problem["type"] == "model_type":
        rule = f"is a section of settings ({name}.NAME = VALUE)"
    return f"{name} {rule}" if _is_secret(path, settings) else f"{name} {rule}, got {problem['input']!r:.200}"


def _names_of(sections: list[str], settings: type[BaseModel]) -> dict[str, FieldInfo]:
    """Returns the settings of a section, by name."""
    for name in sections:
        settings = section_of(settings.model_fields[name]) or BaseModel
    return settings.model_fields


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Returns the settings that a field is a section of; None of a plain value."""
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _is_secret(path: list[str], settings: type[BaseModel]) -> bool:
    """Returns whether a value is a secret, or a section that has one."""
    for name in path:
        field = settings.model_fields.get(name)
        if field is None:
            return False
        if not field.repr:
            return True
        settings = section_of(field) or BaseModel
    return any(_is_secret([name], settings) for name in settings.model_fields)
