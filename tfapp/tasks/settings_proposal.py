"""Proposes the settings of an experiment on a data file: asks each task whether the file is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfapp.assets.sentence_encoder import SentenceEncoder, find_sentence_encoder
from tfapp.config import DEFAULT_TASK
from tfapp.data import Candidate, DataSample, Proposal, Pull, take_sample
from tfapp.data.proposals.proposal import make_proposal
from tfapp.errors import DataError, SettingsError, did_you_mean
from tfapp.tasks.registry import all_tasks, find_task
from tfapp.tasks.spec import TaskSpec

__all__ = ["propose_settings"]


def propose_settings(
    name: str,
    *,
    task: str | None = None,
    hints: Mapping[str, Any] | None = None,
    preset: str | None = None,
    pull: Pull | None = None,
) -> Proposal:
    """Proposes settings for a data file: those of the first task that takes it as its own, else of the default.

    Args:
        name: A file, a folder of texts, or a data set's name.
        task: What the data are for; None: found out.
        hints: Values for the section `data` that the user gave; they win over what is found out.
        preset: What the model starts from, as `model.preset`; None: its default.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.

    Raises:
        DataError: There is no such file, it is broken, or no column looks like texts or like labels.
        SettingsError: There is no such task, or a hint breaks its rule.
    """
    spec = find_task(task) if task is not None else None
    tasks = all_tasks().values() if spec is None else (spec,)
    fields = {field for task_spec in tasks for field in task_spec.settings.data.model_fields}
    unknown_setting = next((hint for hint in hints or {} if hint not in fields), None)
    if unknown_setting is not None:
        raise SettingsError(f"unknown setting data.{unknown_setting}{did_you_mean(unknown_setting, fields)}")
    encoder = find_sentence_encoder(preset)
    sample = take_sample(name, hints=hints, pull=pull)
    proposal = _propose(sample, spec, encoder)
    if spec is not None:
        # Who names a task needs no hint to another one, and may have named columns that only this one reads.
        return proposal
    others = (
        other_task for other_task in all_tasks().values() if other_task.suggest and other_task.name != proposal.task
    )
    remarks = (other_task.suggest(sample, proposal) for other_task in others if other_task.suggest)
    return replace(proposal, notes=(*proposal.notes, *filter(None, remarks)))


def _propose(sample: DataSample, spec: TaskSpec | None, encoder: SentenceEncoder | None) -> Proposal:
    tasks = all_tasks().values() if spec is None else (spec,)
    # A data set's columns are known by its name.
    specs = () if sample.source.asset is not None else tasks
    proposals = ((task_spec, task_spec.propose(sample)) for task_spec in specs if task_spec.propose)
    first = next(((task_spec, proposal) for task_spec, proposal in proposals if proposal), None)
    if first:
        return _with_candidates(*first, sample, encoder)
    fallback = spec or find_task(DEFAULT_TASK)
    if fallback.propose_named:
        return fallback.propose_named(sample, encoder)
    return _with_candidates(fallback, _propose_named(fallback, sample), sample, encoder)


def _with_candidates(
    spec: TaskSpec, proposal: Proposal, sample: DataSample, encoder: SentenceEncoder | None
) -> Proposal:
    """Adds the ways to train; see `TaskSpec.choose`."""
    if spec.choose is not None:
        split_settings = {name: proposal.data[name] for name in ("dev", "test") if name in proposal.data}
        return spec.choose(proposal, sample.source.settings.model_copy(update=split_settings), encoder)
    if proposal.candidates or not spec.settings.fits_head or "adapt" in proposal.training:
        return proposal
    steps = dict.fromkeys(("layer_decay", "word_dropout", "sam_rho", "ema_decay", "epoch_tolerance", "epochs"))
    head = Candidate(
        "output layer alone",
        "the pretrained vectors may say enough, and few rows cannot spoil them",
        "fast",
        training={**steps, "adapt": "head"},
    )
    fine_tuning = Candidate("all weights", "vectors that learn from the labels say more, where there are enough rows")
    return replace(proposal, candidates=(head, fine_tuning))


def _propose_named(spec: TaskSpec, sample: DataSample) -> Proposal:
    """Proposes settings for a task that does not take the file for its own: its columns are those of their settings.

    Raises:
        DataError: A column of texts, or that of what is learnt, is missing.
    """
    columns = {
        text: sample.named_column(text) or getattr(sample.source.settings, text, text) for text in spec.schema.texts
    }
    target = spec.schema.target.column(sample.source.settings)
    required_columns = columns | ({target[1].removeprefix("data."): target[0]} if target else {})
    if sample.columns:
        for setting, column in required_columns.items():
            if column not in sample.columns:
                raise DataError(
                    f'{sample.source.name}: no column "{column}"; give --column {setting}=NAME (data.{setting}); '
                    f"columns: {sample.column_list}"
                )
    rows = zip(*(sample.columns.get(column, ()) for column in columns.values()), strict=True)
    texts = [" ".join(text for text in row if isinstance(text, str)) for row in rows]
    notes = [f"task: {spec.name}, as it was given", *sample.notes]
    # A data set's columns are known by its name.
    in_catalogue = sample.source.asset is not None
    column_settings = (
        {} if in_catalogue else {setting: column for setting, column in columns.items() if setting != column}
    )
    return make_proposal(spec.name, sample, texts, notes, columns=column_settings)
