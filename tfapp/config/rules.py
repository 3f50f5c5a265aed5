"""Checks the settings of one experiment against each other, beside the rule of each."""

from __future__ import annotations

from itertools import chain

from tfapp.config.experiment import Experiment
from tfapp.config.settings.training import TrainingSettings
from tfapp.config.task_settings import TaskSettings

__all__ = ["broken_rule", "find_step_setting"]


def broken_rule(experiment: Experiment, task: TaskSettings) -> str | None:
    """Finds settings that do not go together.

    Args:
        experiment: The settings.
        task: The experiment's task.

    Returns:
        What is wrong and the way out, in words; None where nothing is.
    """
    rules = (
        _multi_label,
        _loss,
        _adapt,
        _rank_phases,
        _head_penalty,
        _xla,
        _distillation,
        _objective,
        *task.rules,
        _without_dev,
    )
    by_task = (_steps_only, _head_start, _without_epochs)
    problems = chain(
        (_kind(experiment, task),), (rule(experiment) for rule in rules), (rule(experiment, task) for rule in by_task)
    )
    return next((problem for problem in problems if problem), None)


def _kind(experiment: Experiment, task: TaskSettings) -> str | None:
    kind = experiment.model.kind
    if kind in task.kinds:
        return None
    way_out = "take one of these" if len(task.kinds) > 1 else f'set model.kind = "{task.kinds[0]}"'
    return f"model.kind is {kind}, but the task {task.name} has only {' and '.join(task.kinds)}; {way_out}"


def _multi_label(experiment: Experiment) -> str | None:
    model, data = experiment.model, experiment.data
    if model.multi_label and data.rating:
        return "model.multi_label and data.rating exclude each other: a rating gives one label"
    if model.multi_label and data.unknown_label:
        return "model.multi_label and data.unknown_label exclude each other: a text may have no label there anyway"
    return None


def _loss(experiment: Experiment) -> str | None:
    model = experiment.model
    name = "class_balance" if model.class_balance else "focal_gamma" if model.focal_gamma else None
    if name and model.multi_label:
        return f"model.{name} and model.multi_label exclude each other: it weighs texts by their one label"
    if model.focal_gamma and experiment.training.fits_head:
        return "model.focal_gamma has no single best output layer to fit at once; use adapt all or lora, or set it to 0"
    return None


def _adapt(experiment: Experiment) -> str | None:
    kind, adapt, decay = experiment.model.kind, experiment.training.adapt, experiment.training.layer_decay
    setting = f"training.adapt is {adapt}" if adapt != "all" else f"training.layer_decay is {decay:g}"
    if kind != "bert" and experiment.model.from_scratch and (adapt != "all" or decay < 1):
        return f"{setting}, but model.kind {kind} begins at random weights; remove it, or begin with a preset"
    if adapt == "head" and decay < 1:
        return f"training.layer_decay is {decay:g}, but with adapt head no layer below the head learns"
    return None


def _rank_phases(experiment: Experiment) -> str | None:
    training = experiment.training
    if training.adapt != "adalora" or training.adalora_warmup_share + training.adalora_final_share <= 1:
        return None
    return (
        f"training.adalora_warmup_share {training.adalora_warmup_share:g} and adalora_final_share "
        f"{training.adalora_final_share:g} are more than 1 together; make one of them smaller"
    )


def _head_penalty(experiment: Experiment) -> str | None:
    data, training = experiment.data, experiment.training
    if training.head_penalty == "dev":
        return None
    begin = f"training.head_penalty is {training.head_penalty}"
    if not training.fits_head:
        return f"{begin}, but the output layer is not fitted at once; set dev, or adapt head"
    if data.unknown_label is not None:
        return f"{begin}, which learns from dev, too, but data.unknown_label takes its limit from dev; set dev"
    if not (data.test or data.test_share):
        return f"{begin}, which learns from dev, too, so it needs a test split; set data.test_share over 0, or set dev"
    return None


def _xla(experiment: Experiment) -> str | None:
    kind = experiment.model.kind
    if experiment.training.xla and kind != "bert":
        return f"training.xla is true, but model.kind {kind} cannot be compiled; remove it, or set it to false"
    return None


def find_step_setting(training: TrainingSettings) -> str | None:
    """Returns a setting in use that only trainings by gradient descent read, as `training.NAME is VALUE`, or None."""
    values = {
        "word_dropout": training.word_dropout,
        "augment.share": training.augment.share,
        "ema_decay": training.ema_decay,
        "sam_rho": training.sam_rho,
        "fgm_epsilon": training.fgm_epsilon,
        "r_drop_alpha": training.r_drop_alpha,
        "keep_epochs": training.keep_epochs,
    }
    name = next((name for name, value in values.items() if value), None)
    if name is None:
        return None
    return f"training.{name} is {'true' if values[name] is True else format(values[name], 'g')}"


def _steps_only(experiment: Experiment, task: TaskSettings) -> str | None:
    setting = find_step_setting(experiment.training)
    if setting and experiment.training.adapt == "head" and task.fits_head:
        return f"{setting}, but adapt head is fitted at once to texts as they are; remove it, or use adapt all or lora"
    return None


def _head_start(experiment: Experiment, task: TaskSettings) -> str | None:
    model, training = experiment.model, experiment.training
    if training.head_start == "random":
        return None
    rules = {
        f"cannot be fitted to {task.name} by a {model.kind}; set random": not task.fits_head or model.kind != "bert",
        "and adapt head say the same twice; set random": training.adapt == "head",
        "and the section distillation exclude each other": experiment.distillation is not None,
        "and model.focal_gamma exclude each other: there is no single best output layer": model.focal_gamma > 0,
    }
    return next((f"training.head_start fitted {rule}" for rule, is_broken in rules.items() if is_broken), None)


def _distillation(experiment: Experiment) -> str | None:
    model, training = experiment.model, experiment.training
    if experiment.distillation is None:
        return None
    if model.kind != "bert":
        return f"model.kind is {model.kind}, but distillation makes a small BERT; use kind bert"
    if training.adapt == "head":
        return "training.adapt is head, but distillation trains the layers below it; use adapt all or lora"
    weight = experiment.distillation.hidden_weight
    rules = {
        "distillation.teacher with several runs exclude each other: only their answers have a mean; set "
        "hidden_weight = 0, or name one run": len(experiment.distillation.teachers) > 1,
        "model.pair_encoder bi exclude each other: vectors are compared over whole rows; set hidden_weight = 0, or "
        "pair_encoder = cross": model.compares_vectors,
    }
    return next(
        (f"distillation.hidden_weight and {rule}" for rule, is_broken in rules.items() if is_broken and weight), None
    )


def _objective(experiment: Experiment) -> str | None:
    """Refuses two settings of which each is a loss of its own."""
    objectives = {
        "training.fgm_epsilon": experiment.training.fgm_epsilon,
        "training.r_drop_alpha": experiment.training.r_drop_alpha,
        "the section distillation": experiment.distillation,
    }
    names = [name for name, value in objectives.items() if value]
    if len(names) > 1:
        return f"{names[0]} and {names[1]} exclude each other: each is a loss of its own; remove one"
    return None


def _without_dev(experiment: Experiment) -> str | None:
    data = experiment.data
    if data.dev or data.dev_share or not experiment.training.evaluates_epochs:
        return None
    return "data.dev_share is 0, but the best epoch is chosen on dev; give a share, or a file with data.dev"


def _without_epochs(experiment: Experiment, task: TaskSettings) -> str | None:
    training = experiment.training
    if training.epochs or task.pretrained or not training.evaluates_epochs:
        return None
    return f"training.epochs is 0, but the output layer of a {task.name} model starts from nothing; take 1 or more"
