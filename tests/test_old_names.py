"""The errors for public names of before say the new ones, which are there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pickle
import pkgutil
import re
import runpy
from pathlib import Path
from typing import Any, Final

import pytest
import tfapp_client

import tfapp
from tfapp._old_names import NEW_PLACES

ROOT = Path(__file__).parents[1]

# Modules and public names of `tfapp` and of the packages directly in it, before modules moved to the layers of today.
NAMES_BEFORE: Final = {
    "tfapp": """
        Run __version__ api apps assets building commands config console data entities errors evaluate
        export files fit gains inventory load_data models open_run overrides ports precision_check predict
        predictor pretrained promote prune publishing quiet registry releases remote_server rollback rollout
        rows rules run run_data serve server services session settings tasks terminal text_protos threads
        token_counts training version
    """,
    "tfapp.assets": "Archive Asset Index OnProgress catalogue find home is_pulled path pull require",
    "tfapp.config": """
        DataSettings DistillationSettings Experiment ExportSettings FreshSettings MaskingSettings
        ModelSettings OnProblem RatingSettings TrainingSettings dump_toml load_experiment parse_experiment
    """,
    "tfapp.data": """
        Catalogue CountTokens DataReport Description Finding LengthStats OnProgress Proposal Pull Source
        Splits describe detect_format load load_table normalize_text read_batches read_table resolve
        score_file sniff write_starter
    """,
    "tfapp.export": "PackedEncoder export_model make_encoder",
    "tfapp.models": """
        Answerer BertModel ClassEmbedder Embedder LanguageModel LstmClassifier PairClassifier PairRanker
        Preprocessor Preset TaskModel TextClassifier TextTagger build_model fresh_preset load_model
        load_preset student_preset
    """,
    "tfapp.registry": """
        CONFIG_FILE Change ConfiguredModel Ledger VersionFacts changed check_name latest models next_version
        prunable prune publish read_facts read_model_config require_models staging_folder version_folder
        versions why_worse
    """,
    "tfapp.server": """
        BatchingSettings ModelServer MonitoringSettings ServerSettings TlsSettings configured_server
        folder_server running_server single_server
    """,
    "tfapp.settings": """
        DataSettings DistillationSettings ExportSettings FreshSettings MaskingSettings ModelSettings
        OnProblem RatingSettings Settings TrainingSettings
    """,
    "tfapp.tasks": "TEXT_COLUMNS TaskName foreign_setting",
    "tfapp.training": """
        AnswerEvaluation ClassEvaluation Distillation EntityEvaluation EpochEvent Evaluation HistoryObserver
        LanguageEvaluation Observer RankingEvaluation RetrievalEvaluation RunFolder Side StepEvent
        StepPrecision TensorBoardLog TensorBoardObserver TrainState choose_precision count_trained
        create_run cut_teacher find_resumable is_chief judge judge_dev latest_run load_teacher
        make_predictor make_side make_strategy predict_logits settle_unknown total_over_workers train
        uses_xla write_report
    """,
}

# By the class that has them, also as its sub-class.
RENAMED_ATTRIBUTES: Final = [
    ("tfapp.models.BertModel", "own", "config_keys"),
    ("tfapp.models.BertModel", "places", "position_input"),
    ("tfapp.models.BertModel", "reads", "head_input"),
    ("tfapp.models.BertModel", "respond", "predict_text"),
    ("tfapp.models.Preprocessor", "first_pieces", "pieces(readable(texts, n))[:, :n]"),
    ("tfapp.models.Preprocessor", "place", "tfapp.tasks.answering.pieces_with_offsets.tokenize_with_offsets"),
    ("tfapp.models.TaskModel", "respond", "predict_text"),
    ("tfapp.models.TaskModel", "streams", "shards"),
    ("tfapp.models.TaskModel", "take_arrays", "load_arrays"),
    ("tfapp.registry.ConfiguredModel", "served", "served_versions"),
    ("tfapp.registry.LabelStore", "served", "served_versions"),
    ("tfapp.training.run_folder.RunFolder", "contrast", "first_phase"),
    ("tfapp.training.run_folder.RunFolder", "experiment", "tfapp.tasks.experiments.read_run_settings(run.path)"),
    ("tfapp.training.run_folder.RunFolder", "finished", "is_finished"),
    ("tfapp.training.TokenizedSplit", "places", "positions"),
    ("tfapp.training.TokenizedSplit", "raw", "raw_texts"),
    ("tfapp.training.train_state.TrainState", "after_epoch", "tfapp.training.early_stopping.after_epoch"),
]


def _module(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _public(file: Path) -> list[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    names = (
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return next(names, [])


@pytest.mark.parametrize("module", NEW_PLACES)
def test_each_new_place_is_there(module: str) -> None:
    for old, place in NEW_PLACES[module].items():
        home, _, name = place.replace("NAME", "support").rpartition(".")
        file = _module(home)
        assert _module(place.replace("NAME", "support")) or (file and name in _public(file)), place
        assert not _module(f"{module}.{old}"), f"{module}.{old} is there"


@pytest.mark.parametrize("module", NAMES_BEFORE)
def test_each_name_of_before_is_there_or_has_its_new_place(module: str) -> None:
    home = NEW_PLACES["tfapp"].get(module.removeprefix("tfapp."), module)
    package = _module(home)
    assert package
    names = {*_public(package), *NEW_PLACES.get(home, {})}
    names |= {name for name in NAMES_BEFORE[module].split() if _module(f"{home}.{name}")}
    assert set(NAMES_BEFORE[module].split()) - names == set()


def test_the_changelog_lists_each_new_place() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    places = [(f"{module}.{old}", place) for module in NEW_PLACES for old, place in NEW_PLACES[module].items()]
    assert [old for old, place in places if f"| `{old}` | `{place}`" not in changelog] == []


def test_an_old_name_is_refused_with_its_new_one() -> None:
    with pytest.raises(ImportError, match=r"tfapp\.session is tfapp\.workflows\.train now"):
        from tfapp import session  # noqa: F401
    with pytest.raises(ImportError, match=r"tfapp\.releases is tfapp\.workflows\.release now"):
        _ = tfapp.releases
    with pytest.raises(ImportError, match=r"load_experiment is tfapp\.tasks\.experiments\.load_experiment now"):
        from tfapp.config import load_experiment  # noqa: F401


@pytest.mark.parametrize("module", ["tfapp", "tfapp.config", "tfapp.data", "tfapp.registry"])
def test_any_other_name_is_an_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nonsense'"):
        _ = importlib.import_module(module).nonsense


def test_an_import_of_an_old_module_is_refused_with_its_new_one() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.session is tfapp\.workflows\.train now$"):
        from tfapp.session import run_experiment  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.commands is tfapp\.cli now$"):
        importlib.import_module("tfapp.commands.train")
    message = r"^tfapp\.data\.sniff is tfapp\.tasks\.settings_proposal\.propose_settings now$"
    with pytest.raises(ModuleNotFoundError, match=message):
        import tfapp.data.sniff  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"^tfapp\.session is "):
        pickle.loads(b"ctfapp.session\nRun\n.")
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'tfapp\.nonsense'$"):
        importlib.import_module("tfapp.nonsense")


@pytest.mark.parametrize("module", ["tfapp.session", "tfapp_client.calls"])
def test_a_program_that_was_an_old_module_is_refused_with_its_new_one(module: str) -> None:
    # Who searches first goes on to the import, which says why there is none.
    assert importlib.util.find_spec(module)
    with pytest.raises(ImportError, match=rf"^{re.escape(module)} is tfapp\w*\.[\w.]+ now$"):
        runpy.run_module(module)
    assert importlib.util.find_spec(f"{module}_of_nonsense") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("base", "requests"),
        ("calls", "client"),
        ("plans", "requests"),
        ("steps", "requests"),
        ("variables", "environment_variables"),
    ],
)
def test_an_old_module_of_the_client_is_refused_with_its_new_one(old: str, new: str) -> None:
    message = rf"^tfapp_client\.{old} is tfapp_client\.{new} now$"
    with pytest.raises(ModuleNotFoundError, match=message):
        importlib.import_module(f"tfapp_client.{old}")
    with pytest.raises(ImportError, match=message):
        getattr(tfapp_client, old)
    assert importlib.import_module(f"tfapp_client.{new}")


def test_any_other_name_of_the_client_is_an_attribute_error_and_no_module() -> None:
    with pytest.raises(AttributeError, match=r"^module 'tfapp_client' has no attribute 'nonsense'$"):
        _ = tfapp_client.nonsense
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'tfapp_client\.nonsense'$"):
        importlib.import_module("tfapp_client.nonsense")


@pytest.mark.parametrize(("owner", "old", "new"), RENAMED_ATTRIBUTES)
def test_an_old_attribute_of_a_class_is_refused_with_its_new_one(owner: str, old: str, new: str) -> None:
    module, _, name = owner.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    concrete: Any = type("Instance", (cls,), {})
    concrete.__abstractmethods__ = frozenset()
    instance = object.__new__(concrete)
    with pytest.raises(AttributeError, match=rf"^Instance\.{old} is {re.escape(new)} now$"):
        getattr(instance, old)
    with pytest.raises(AttributeError, match=r"^'Instance' object has no attribute 'nonsense'$"):
        _ = instance.nonsense
    place, _, name = new.partition("(")[0].rpartition(".")
    home = importlib.import_module(place) if place else cls
    assert hasattr(home, name) or name in home.__annotations__


def test_the_changelog_lists_each_attribute_that_was_renamed() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    owners = {row[0].rpartition(".")[::2] for row in RENAMED_ATTRIBUTES}
    classes = [getattr(importlib.import_module(module), name) for module, name in owners]
    rows = [
        f"| `{cls.__name__}.{old}` | `{new}` |"
        for cls in classes
        for old, new in cls.former_names.items()
        if old not in getattr(cls.__base__, "former_names", {})
    ]
    assert [row for row in rows if row not in changelog] == []


@pytest.mark.parametrize(
    ("owner", "old", "new"),
    [
        ("tfapp.training.methods:train", "train_side", "train_split"),
        ("tfapp.training.methods:train", "dev_side", "dev_split"),
        *((f"tfapp.data:{name}", "task", "schema") for name in ("load", "load_table", "read_table", "describe")),
        ("tfapp.evaluation.report:write_report", "facts", "metadata"),
        ("tfapp.evaluation.report:render_report", "facts", "metadata"),
        ("tfapp.apps.monitor.service:Monitor.run", "told", "on_progress"),
        ("tfapp.apps.monitor.service:Monitor.run", "trained", "on_trained"),
    ],
)
def test_an_old_argument_is_refused_with_its_new_name(owner: str, old: str, new: str) -> None:
    function = pkgutil.resolve_name(owner)
    name = function.__qualname__
    with pytest.raises(TypeError, match=rf"^{name}: the argument {old} is {new}\b.* now$"):
        function(**{old: None})
    assert new in inspect.signature(function).parameters
    with pytest.raises(TypeError, match="nonsense"):
        function(nonsense=None)
