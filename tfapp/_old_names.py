"""The new places of public names and the new names of arguments, for the errors about the old ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, NoReturn, ParamSpec, TypeVar

__all__ = [
    "NEW_PLACES",
    "PREPROCESSOR_METHODS",
    "SCHEMA_OF_TASK",
    "missing_name",
    "refuse_old_arguments",
    "refuse_old_names",
]

P = ParamSpec("P")
T = TypeVar("T")

# Modules, and public names of the packages that are still there.
NEW_PLACES: Final = {
    "tfapp": {
        "building": "tfapp.workflows.build",
        "commands": "tfapp.cli",
        "entities": "tfapp.core.spans",
        "export": "tfapp.savedmodel",  # the module; `tfapp.export` is a function
        "files": "tfapp.core.files",
        "gains": "tfapp.core.ndcg",
        "inventory": "tfapp.workflows.version_catalogue",
        "overrides": "tfapp.config.overrides",
        "ports": "tfapp.core.ports",
        "precision_check": "tfapp.workflows.precision_check",
        "predictor": "tfapp.workflows.predict",
        "pretrained": "tfapp.workflows.preset_export",
        "publishing": "tfapp.workflows.publish",
        "quiet": "tfapp.core.tensorflow_import",
        "releases": "tfapp.workflows.release",
        "remote_server": "tfapp.core.remote_server",
        "rollout": "tfapp.workflows.deploy",
        "rows": "tfapp.core.rows",
        "rules": "tfapp.config.rules",
        "run": "tfapp.workflows.run",
        "run_data": "tfapp.workflows.run_data",
        "services": "tfapp.apps.NAME.service",
        "session": "tfapp.workflows.train",
        "settings": "tfapp.config",
        "terminal": "tfapp.core.terminal",
        "text_protos": "tfapp.core.text_protos",
        "threads": "tfapp.core.threads",
        "token_counts": "tfapp.models.Preprocessor",
    },
    "tfapp.config": {
        "FreshSettings": "tfapp.tasks.pretraining.settings.ScratchSettings",
        "MaskingSettings": "tfapp.tasks.pretraining.settings.MaskingSettings",
        "load_experiment": "tfapp.tasks.experiments.load_experiment",
    },
    "tfapp.data": {
        "Catalogue": "tfapp.data.AssetCatalogue",
        "blocks": "tfapp.data.readers.row_blocks",
        "display": "tfapp.data.notebook_tables",
        "parts": "tfapp.data.part_store",
        "sniff": "tfapp.tasks.settings_proposal.propose_settings",
        "splitting": "tfapp.data.split_by_hash",
    },
    "tfapp.models": {
        "Answerer": "tfapp.tasks.answering.model.Answerer",
        "ClassEmbedder": "tfapp.tasks.classification.class_embedder.ClassEmbedder",
        "LanguageModel": "tfapp.tasks.pretraining.model.LanguageModel",
        "LstmClassifier": "tfapp.tasks.classification.lstm.LstmClassifier",
        "PairClassifier": "tfapp.tasks.pair_classification.model.PairClassifier",
        "PairRanker": "tfapp.tasks.ranking.model.PairRanker",
        "TextTagger": "tfapp.tasks.tagging.model.TextTagger",
        "build_model": "tfapp.tasks.models.build_model",
        "fresh_preset": "tfapp.tasks.pretraining.scratch_preset.make_preset",
        "load_model": "tfapp.tasks.models.load_model",
    },
    "tfapp.tasks": {
        "TEXT_COLUMNS": "tfapp.tasks.spec.TaskSpec",
        "TaskName": "tfapp.config.Experiment",
        "foreign_setting": "tfapp.tasks.registry.find_task",
    },
    "tfapp.registry": {
        "Ledger": "tfapp.registry.LabelStore",
        "VersionFacts": "tfapp.registry.VersionMetadata",
        "changed": "tfapp.workflows.version_catalogue.changed_entries",
        "next_version": "tfapp.registry.versions.next_version",
        "publish": "tfapp.registry.atomic_publish.publish",
        "read_facts": "tfapp.registry.read_version_metadata",
        "staging_folder": "tfapp.registry.atomic_publish.staging_folder",
        "why_worse": "tfapp.workflows.promotion_checks.compare_metrics",
    },
    "tfapp.assets": {"Archive": "tfapp.assets.entries.Archive", "Index": "tfapp.assets.index.Index"},
    "tfapp.server": {
        "BatchingSettings": "tfapp.server.settings.BatchingSettings",
        "MonitoringSettings": "tfapp.server.settings.MonitoringSettings",
        "TlsSettings": "tfapp.server.settings.TlsSettings",
    },
    "tfapp.training": {
        "AnswerEvaluation": "tfapp.tasks.answering.evaluation_result.AnswerEvaluation",
        "ClassEvaluation": "tfapp.evaluation.ClassEvaluation",
        "EntityEvaluation": "tfapp.tasks.tagging.evaluation_result.EntityEvaluation",
        "Evaluation": "tfapp.evaluation.Evaluation",
        "LanguageEvaluation": "tfapp.tasks.pretraining.evaluation_result.LanguageEvaluation",
        "RankingEvaluation": "tfapp.tasks.ranking.evaluation_result.RankingEvaluation",
        "RetrievalEvaluation": "tfapp.tasks.embedding.evaluation_result.RetrievalEvaluation",
        "Side": "tfapp.training.TokenizedSplit",
        "find_resumable": "tfapp.workflows.resume.find_resumable",
        "head": "tfapp.training.head_trainer",
        "judge": "tfapp.training.evaluator.Evaluator",
        "judge_dev": "tfapp.training.evaluator.Evaluator",
        "load_teacher": "tfapp.workflows.build.build",
        "make_side": "tfapp.training.tokenize_split",
        "settle_unknown": "tfapp.training.calibrate_unknown",
        "unknown": "tfapp.training.unknown_fit",
        "write_report": "tfapp.evaluation.write_report",
    },
}

# Of `tfapp.models.Preprocessor`: one of them is a function of a task now.
PREPROCESSOR_METHODS: Final = {
    "first_pieces": "pieces(readable(texts, n))[:, :n]",
    "place": "tfapp.tasks.answering.pieces_with_offsets.tokenize_with_offsets",
}

# Of the functions of `tfapp.data` that took the name of a task.
SCHEMA_OF_TASK: Final = "schema=tfapp.tasks.registry.find_task(NAME).schema"


def missing_name(module: str, name: str) -> Exception:
    """Returns the error for a name that a module does not have.

    Of an old name it is an ImportError, as `from tfapp import NAME` shows the message of no other error.
    """
    place = NEW_PLACES[module].get(name)
    if place:
        return ImportError(f"{module}.{name} is {place} now", name=f"{module}.{name}")
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def refuse_old_names(module: str) -> Callable[[str], NoReturn]:
    """Returns the `__getattr__` of a module, which raises the error of `missing_name`."""

    def refuse(name: str) -> NoReturn:
        raise missing_name(module, name)

    return refuse


def refuse_old_arguments(**new_names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Returns a decorator of a function, whose errors for old names of its arguments say the new ones.

    Args:
        new_names: What stands there now, by the old name.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            for name in kwargs.keys() & new_names.keys():
                raise TypeError(f"{function.__qualname__}: the argument {name} is {new_names[name]} now")
            return function(*args, **kwargs)

        return call

    return decorate
