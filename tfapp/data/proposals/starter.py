"""Writes a commented settings file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tfapp.config import (
    DistillationSettings,
    Experiment,
    ExportSettings,
    TaskSettings,
)
from tfapp.config.overrides import section_of
from tfapp.config.task_settings import foreign_fields
from tfapp.core.files import safe_name, write_text
from tfapp.data.file_formats import data_suffix
from tfapp.data.proposals.proposal import Proposal
from tfapp.errors import DataError

__all__ = ["experiment_name", "starter_text", "write_starter"]


def write_starter(
    proposal: Proposal,
    target: Path | str,
    *,
    tasks: Mapping[str, TaskSettings],
    name: str | None = None,
    force: bool = False,
) -> Path:
    """Writes the settings file of a proposal.

    Args:
        proposal: As `tfapp.tasks.settings_proposal.propose_settings` makes it.
        target: The file to write.
        tasks: The settings of all tasks, by name.
        name: The experiment's name; by default after the data file.
        force: Replace an existing file.

    Returns:
        The file.

    Raises:
        DataError: The file exists, or its folder does not.
    """
    target = Path(target)
    if target.exists() and not force:
        raise DataError(f"{target} exists; give --force to replace it, or another name with --output")
    if not target.parent.is_dir():
        raise DataError(f"{target}: the folder {target.parent} does not exist; make it or choose another --output")
    write_text(target, starter_text(proposal, tasks, name), shared=True)
    return target


def starter_text(proposal: Proposal, tasks: Mapping[str, TaskSettings], name: str | None = None) -> str:
    """Returns the settings file of a proposal: the settings that its task reads, chosen ones set, defaults as comments.

    Args:
        proposal: As `tfapp.tasks.settings_proposal.propose_settings` makes it.
        tasks: The settings of all tasks, by name.
        name: The experiment's name; by default after the data file.

    Returns:
        TOML that `tfapp.tasks.experiments.load_experiment` reads.
    """
    proposal = proposal.as_one()
    sections = {"data": proposal.data, "model": proposal.model, "training": proposal.training}
    foreign_names = foreign_fields(tasks[proposal.task], tasks.values())
    fields = {field: info for field, info in tasks[proposal.task].fields.items() if field not in foreign_names}
    names = {"name": name or experiment_name(proposal.data["train"]), "task": proposal.task}
    # What is at its default stays a comment.
    names = {field: value for field, value in names.items() if value != Experiment.model_fields[field].default}
    kinds = (f"{task.name} ({task.summary})" if task.summary else task.name for task in tasks.values())
    lines = [
        *_comment(f"Settings for {proposal.data['train']}: about {proposal.rows} rows."),
        *(line for note in proposal.notes for line in _comment(note)),
        *_comment("A setting behind # has its default, or is unset where nothing follows. Remove the # to change it."),
        "",
        *_fields(Experiment.model_fields, names, {"task": f" One of {', '.join(kinds)}."}),
        *(
            line
            for section, values in sections.items()
            for line in _task_section(section, values, fields, tasks[proposal.task].notes)
        ),
        *(_section("distillation", DistillationSettings.model_fields, None) if "distillation" in fields else ()),
        *_section("export", ExportSettings.model_fields, {}),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _task_section(
    name: str, values: Mapping[str, Any], fields: Mapping[str, FieldInfo], notes: Mapping[str, str]
) -> Iterator[str]:
    """Yields a section in which tasks have settings and notes of their own, and the sections in it."""
    inner = {field.removeprefix(f"{name}."): info for field, info in fields.items() if field.startswith(f"{name}.")}
    yield f"[{name}]"
    comments = {setting.removeprefix(f"{name}."): f" {note}" for setting, note in notes.items()}
    yield from _fields(inner, values, comments)
    for field, info in inner.items():
        section = section_of(info)
        if section:
            yield from _section(f"{name}.{field}", section.model_fields, values.get(field))


def _section(name: str, fields: Mapping[str, FieldInfo], values: Mapping[str, Any] | None) -> Iterator[str]:
    """Yields one table; commented out as a whole where `values` is None."""
    yield f"[{name}]" if values is not None else f"# [{name}]"
    yield from _fields(fields, values or {})


def _fields(
    fields: Mapping[str, FieldInfo], values: Mapping[str, Any], comments: Mapping[str, str] | None = None
) -> Iterator[str]:
    for name, field in fields.items():
        if section_of(field):
            continue
        unset = field.default in (None, PydanticUndefined) and name not in values
        yield from _comment(f"{field.description or name}{(comments or {}).get(name, '')}")
        if name in values:
            yield _assign(name, values[name])
        elif unset:
            # An example would be a choice that nobody made, once the # is gone.
            yield f"# {name} ="
        else:
            yield f"# {_assign(name, field.default)}"
    yield ""


def _assign(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        # On one line, so that one # makes a comment of it.
        return f"{name} = [{', '.join(_assign('', item).partition(' = ')[2] for item in value)}]"
    return tomli_w.dumps({name: value}).rstrip("\n")


def _comment(text: str) -> Iterator[str]:
    """Yields a comment of one line; TOML allows no control characters in it."""
    yield "# " + "".join(character if character.isprintable() else " " for character in text)


def experiment_name(source: str) -> str:
    """Returns a valid experiment name after a path or a data set's name."""
    name = Path(source).stem.removesuffix(data_suffix(Path(source))) or Path(source).resolve().name
    return safe_name(name) or "experiment"
