"""Writes a commented settings file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from tfapp.config import (
    DataSettings,
    DistillationSettings,
    Experiment,
    ExportSettings,
    ModelSettings,
    RatingSettings,
    TrainingSettings,
)
from tfapp.core.files import write_text
from tfapp.data.proposal import Proposal
from tfapp.errors import DataError

__all__ = ["starter_text", "write_starter"]


def write_starter(proposal: Proposal, target: Path | str, *, name: str | None = None, force: bool = False) -> Path:
    """Writes the settings file of a proposal.

    Args:
        proposal: As `tfapp.tasks.sniff` makes it.
        target: The file to write.
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
    write_text(target, starter_text(proposal, name), shared=True)
    return target


def starter_text(proposal: Proposal, name: str | None = None) -> str:
    """Gives the settings file of a proposal: chosen settings as they are, defaults as comments.

    Args:
        proposal: As `tfapp.tasks.sniff` makes it.
        name: The experiment's name; by default after the data file.

    Returns:
        TOML that `tfapp.config.load_experiment` reads.
    """
    data = dict(proposal.data)
    rating = data.pop("rating", None)
    chosen_model = {"max_length": proposal.max_length}
    chosen_model |= {"window": proposal.window} if proposal.window else {}
    chosen_model |= {"multi_label": True} if proposal.multi_label else {}
    lines = [
        *_comment(f"Settings for {data['train']}: about {proposal.rows} rows."),
        *(line for note in proposal.notes for line in _comment(note)),
        *_comment("A setting behind # has its default; remove the # to change it."),
        "",
        *_fields(Experiment, {"name": name or _slug(data["train"]), **_task(proposal)}),
        *_section("data", DataSettings, data),
        *_section("data.rating", RatingSettings, rating),
        *_section("model", ModelSettings, chosen_model),
        *_section("training", TrainingSettings, {"epochs": proposal.epochs}),
        *_section("distillation", DistillationSettings, None),
        *_section("export", ExportSettings, {}),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _task(proposal: Proposal) -> dict[str, str]:
    """The task, where it is not the default."""
    return {} if proposal.task == Experiment.model_fields["task"].default else {"task": proposal.task}


def _section(name: str, settings: type[BaseModel], chosen: Mapping[str, Any] | None) -> Iterator[str]:
    """One table; commented out as a whole where nothing says that it is wanted."""
    yield f"[{name}]" if chosen is not None else f"# [{name}]"
    yield from _fields(settings, chosen or {})


def _fields(settings: type[BaseModel], chosen: Mapping[str, Any]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        if _is_section(field.annotation):
            continue
        unset = field.default in (None, PydanticUndefined) and name not in chosen
        yield from _comment(f"{field.description or name}{' Unset.' if unset else ''}")
        if name in chosen:
            yield _assign(name, chosen[name])
        elif unset:
            yield f"# {name} = {_example(field.annotation)}"
        else:
            yield f"# {_assign(name, field.default)}"
    yield ""


def _example(annotation: Any) -> str:
    """A value to write over, of a kind that the setting takes."""
    kinds = getattr(annotation, "__args__", (annotation,))
    return "1" if int in kinds else '"..."'


def _is_section(annotation: Any) -> bool:
    kinds = getattr(annotation, "__args__", (annotation,))
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)


def _assign(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        # On one line, so that one # makes a comment of it.
        return f"{name} = [{', '.join(_assign('', item).partition(' = ')[2] for item in value)}]"
    return tomli_w.dumps({name: value}).rstrip("\n")


def _comment(text: str) -> Iterator[str]:
    """A comment of one line; TOML allows no control characters in it."""
    yield "# " + "".join(character if character.isprintable() else " " for character in text)


def _slug(source: str) -> str:
    """A valid experiment name after a path or a data set's name."""
    name = Path(source).stem or Path(source).resolve().name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "experiment"
