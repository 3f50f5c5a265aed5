"""Settings: TOML, overrides, and one line that names the field, the rule and the value."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfapp import config
from tfapp.config import Experiment, TaskSettings, TrainingSettings, dump_toml
from tfapp.config.task_settings import foreign_fields
from tfapp.errors import SettingsError
from tfapp.tasks.experiments import load_experiment, parse_experiment, task_settings

BASE: dict[str, Any] = {"name": "news", "data": {"train": "news.csv"}}


def with_set(*overrides: str) -> Experiment:
    return parse_experiment(BASE, overrides)


def complaint(*overrides: str, values: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        parse_experiment(BASE if values is None else values, overrides)
    message = str(error.value)
    assert message
    assert len(message.splitlines()) == 1
    return message


def test_a_file_is_read_and_what_it_leaves_out_has_a_default(tmp_path: Path) -> None:
    file = tmp_path / "news.toml"
    file.write_text(
        'name = "news"\n[data]\ntrain = "café.csv"\n[data.rating]\ncenter = 3\n'
        '[training]\nlearning_rate = 1e-4\n# Ein Wörtchen\n[model]\npooling = "mean"\n',
        encoding="utf-8",
    )
    experiment = load_experiment(file, ["training.epochs=3"])
    assert (experiment.name, experiment.model.pooling, experiment.training.epochs) == ("news", "mean", 3)
    assert experiment.data.train == "café.csv"
    assert experiment.data.rating is not None
    assert (experiment.data.rating.center, experiment.data.rating.column) == (3.0, "rating")
    assert experiment.training.learning_rate == 1e-4
    assert (experiment.training.patience, experiment.export.max_length) == (None, None)


@pytest.mark.parametrize(
    ("override", "section", "name", "value"),
    [
        ("training.epochs=2", "training", "epochs", 2),
        ("training.learning_rate=3e-5", "training", "learning_rate", 3e-5),
        ("training.learning_rate = 1", "training", "learning_rate", 1.0),
        ("training.deterministic=false", "training", "deterministic", False),
        ("model.preset=minilm-l6", "model", "preset", "minilm-l6"),
        ("model.preset=hf://owner/name", "model", "preset", "hf://owner/name"),
        ('model.preset="quoted"', "model", "preset", "quoted"),
        ("data.train=a=b.csv", "data", "train", "a=b.csv"),
        ("data.label_separator=|", "data", "label_separator", "|"),
        # Columns of files without a header, and files named like a date or a number, are still text.
        ("data.text=1", "data", "text", "1"),
        ("data.label=1.10", "data", "label", "1.10"),
        ("data.dev=2024-01-01", "data", "dev", "2024-01-01"),
        ("data.train=true", "data", "train", "true"),
    ],
)
def test_an_override_has_the_type_of_its_setting(override: str, section: str, name: str, value: Any) -> None:
    given_value = getattr(getattr(with_set(override), section), name)
    assert given_value == value
    assert type(given_value) is type(value)


def test_overrides_reach_nested_sections_and_the_last_one_wins() -> None:
    experiment = with_set("data.rating.center=3", "data.rating.column=stars", "name=other", "name=third")
    assert experiment.data.rating is not None
    assert (experiment.data.rating.center, experiment.data.rating.column) == (3.0, "stars")
    assert experiment.name == "third"


def test_the_caller_s_values_stay_as_they_were() -> None:
    values: dict[str, Any] = {"name": "a", "data": {"train": "x", "rating": {"center": 3}}}
    parse_experiment(values, ["data.rating.center=1", "data.text=t", "training.epochs=2"])
    assert values == {"name": "a", "data": {"train": "x", "rating": {"center": 3}}}


@pytest.mark.parametrize(
    ("override", "named", "nearest"),
    [
        ("training.epocs=2", "training.epocs", "epochs"),
        ("trainin.epochs=2", "trainin", "training"),
        ("data.rating.colum=x", "data.rating.colum", "column"),
        ("modell=x", "modell", "model"),
        ("export.maxlength=4", "export.maxlength", "max_length"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest(override: str, named: str, nearest: str) -> None:
    assert f'unknown setting {named}; did you mean "{nearest}"?' in complaint(override)


def test_an_unknown_task_may_be_of_a_package_that_is_not_installed() -> None:
    assert complaint("task=cooking").endswith("; if another package brings it, install that")
    assert "package" not in complaint("task=clasification")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task=clasification", "settings: there is no task 'clasification'; did you mean \"classification\"?"),
        ("task=cooking", "settings: there is no task 'cooking'; known: answering, classification"),
        ("task=", "settings: there is no task ''; known: answering"),
        ("task.name=ranking", "settings: task "),
    ],
)
def test_an_unknown_task_is_named_with_the_nearest(override: str, message: str) -> None:
    assert complaint(override).startswith(message)


@pytest.mark.parametrize(
    ("override", "field", "rule", "value"),
    [
        ("training.epochs=two", "training.epochs", "integer", "'two'"),
        ("training.epochs=1.5", "training.epochs", "integer", "1.5"),
        ("training.epochs=-1", "training.epochs", "greater than or equal to 0", "-1"),
        ("training.epochs=", "training.epochs", "integer", "''"),
        ("training.epochs.x=1", "training.epochs", "integer", "{'x': 1}"),
        ("training.learning_rate=0", "training.learning_rate", "greater than 0", "0"),
        ("training.learning_rate=inf", "training.learning_rate", "finite", "inf"),
        ("training.learning_rate=nan", "training.learning_rate", "", "nan"),
        ("training.strategy=mirror", "training.strategy", "'mirrored'", "'mirror'"),
        ("training.warmup_share=1.1", "training.warmup_share", "less than or equal to 1", "1.1"),
        ("training.adapt=lore", "training.adapt", "'lora'", "'lore'"),
        ("training.lora_rank=0", "training.lora_rank", "greater than or equal to 1", "0"),
        ("training.lora_alpha=0", "training.lora_alpha", "greater than 0", "0"),
        ("training.lora_targets=[]", "training.lora_targets", "at least 1 item", "[]"),
        ("training.lora_targets=query", "training.lora_targets", "tuple", "'query'"),
        ("training.layer_decay=1.5", "training.layer_decay", "less than or equal to 1", "1.5"),
        ("model.dropout=1", "model.dropout", "less than 1", "1"),
        ("data.dev_share=-0.1", "data.dev_share", "greater than or equal to 0", "-0.1"),
        ("data.format=xls", "data.format", "'parquet'", "'xls'"),
        ("data.rating=3", "data.rating", "a section", "3"),
        ("training=3", "training", "a section", "3"),
        ("name=../up", "name", "pattern", "'../up'"),
        ("name=", "name", "pattern", "''"),
    ],
)
def test_a_wrong_value_is_named_with_field_and_rule(override: str, field: str, rule: str, value: str) -> None:
    message = complaint(override)
    assert message.startswith(f"settings: {field} ")
    assert rule in message
    assert message.endswith(f"got {value}")


@pytest.mark.parametrize("value", ["[]", '""', "3", '["runs/a", ""]'])
def test_teachers_that_name_no_run_are_refused(value: str) -> None:
    assert complaint(f"distillation.teacher={value}").startswith(
        "settings: distillation.teacher: must name a run, such as runs/NAME, or a list of one or more runs, got "
    )


def test_rules_over_several_settings() -> None:
    assert "dev_share + test_share must be under 1, got 1.05" in complaint("data.test_share=0.95")
    assert complaint("training.adapt=adalora", "training.adalora_final_share=0.95").endswith(
        "training.adalora_warmup_share 0.1 and adalora_final_share 0.95 are more than 1 together; make one of them "
        "smaller"
    )
    assert complaint("training.adapt=lora", "model.kind=lstm").endswith(
        "training.adapt is lora, but model.kind lstm begins at random weights; remove it, or begin with a preset"
    )
    assert complaint(
        "task=pretraining", "model.kind=simcse", "model.fresh.layers=2", "training.layer_decay=0.9"
    ).endswith("model.kind simcse begins at random weights; remove it, or begin with a preset")
    assert "training.xla is true, but model.kind lstm cannot be compiled" in complaint(
        "training.xla=true", "model.kind=lstm"
    )
    assert "training.layer_decay is 0.9, but model.kind lstm" in complaint(
        "training.layer_decay=0.9", "model.kind=lstm"
    )
    assert "with adapt head no layer below" in complaint("training.layer_decay=0.9", "training.adapt=head")
    assert complaint("training.xla=true", "task=pretraining", "model.kind=tsdae").endswith(
        "model.kind tsdae cannot be compiled; remove it, or set it to false"
    )
    assert complaint("task=ranking", "model.kind=lstm").endswith(
        'model.kind is lstm, but the task ranking has only bert; set model.kind = "bert"'
    )
    assert "kind is tsdae, but the task classification has only bert and lstm; take one of these" in complaint(
        "model.kind=tsdae"
    )
    epochs = "training.keep_epochs=true"
    assert "keep_epochs is true, but a contrastive training ends with a head" in complaint(
        epochs, "training.method=few-shot"
    )
    assert "keep_epochs is true, but adapt head is fitted at once" in complaint(epochs, "training.adapt=head")
    word_dropout = "training.word_dropout=0.2"
    assert "word_dropout is 0.2, but adapt head is fitted at once" in complaint(word_dropout, "training.adapt=head")
    assert "ema_decay is 0.9, but a contrastive training ends with a head that is fitted at once" in complaint(
        "training.ema_decay=0.9", "training.method=few-shot"
    )
    assert "sam_rho is 0.05, but adapt head is fitted at once" in complaint(
        "training.sam_rho=0.05", "training.adapt=head"
    )
    assert "augment.share is 0.5, but a contrastive training ends" in complaint(
        "training.augment.share=0.5", "training.method=few-shot"
    )
    twice = "training.r_drop_alpha=1"
    assert "r_drop_alpha is 1, but adapt head is fitted at once" in complaint(twice, "training.adapt=head")
    assert "training.r_drop_alpha and the section distillation exclude each other" in complaint(
        twice, "distillation.teacher=runs/a"
    )
    assert "fgm_epsilon and training.r_drop_alpha exclude each other" in complaint(twice, "training.fgm_epsilon=1")
    assert with_set("task=tagging", "training.fgm_epsilon=1").training.fgm_epsilon == 1
    folds = "training.head_penalty=cross-validation"
    assert "but the output layer is not fitted at once" in complaint(folds)
    assert "class_balance and model.multi_label exclude" in complaint("model.class_balance=1", "model.multi_label=true")
    assert "focal_gamma has no single best" in complaint("model.focal_gamma=2", "training.adapt=head")
    head = (folds, "training.adapt=head")
    assert "data.unknown_label takes its limit from dev" in complaint(*head, "data.unknown_label=other")
    assert "so it needs a test split" in complaint(*head, "data.test_share=0")
    assert with_set(*head).training.head_penalty == "cross-validation"
    assert with_set(word_dropout, "training.adapt=head", "task=tagging").training.word_dropout == 0.2
    assert "training.word_dropout is not read by the task embedding" in complaint(word_dropout, "task=embedding")
    assert "multi_label and data.rating exclude" in complaint("model.multi_label=true", "data.rating.center=3")
    # A dev file leaves dev_share without a meaning.
    assert with_set("data.test_share=0.95", "data.dev=dev.csv").data.test_share == 0.95


class _PrototypeSettings(TrainingSettings):
    """The settings of a foreign task that takes the mean vector of each class, after any number of steps."""

    @property
    def fits_head(self) -> bool:
        return True

    @property
    def compares_vectors(self) -> bool:
        return True

    @property
    def evaluates_epochs(self) -> bool:
        return False


def test_a_task_says_what_its_own_way_to_train_needs() -> None:
    tasks = {"toy": TaskSettings("toy", texts=("text",), training=_PrototypeSettings)}
    values = BASE | {"task": "toy", "data": {"train": "a.csv", "dev_share": 0}, "training": {"epochs": 0}}
    experiment = config.parse_experiment(values, tasks=tasks)
    assert experiment.network.pooling == "mean"
    with pytest.raises(SettingsError, match="focal_gamma has no single best output layer"):
        config.parse_experiment(values, ["model.focal_gamma=2"], tasks=tasks)


@pytest.mark.parametrize(
    ("task", "override", "message"),
    [
        (
            "classification",
            "data.query=a",
            "data.query is not read by the task classification; its columns of texts are",
        ),
        ("classification", "data.group=a", "data.group is not read by the task classification; remove it"),
        ("ranking", "data.text=a", "the task ranking; its columns of texts are data.query and data.candidate; remove"),
        ("ranking", "data.rating.center=3", "data.rating is not read by the task ranking"),
        ("ranking", "data.label_separator=|", "data.label_separator is not read"),
        ("ranking", "data.on_single_label=fail", "data.on_single_label is not read"),
        ("ranking", "model.multi_label=true", "model.multi_label is not read"),
        ("ranking", "model.window=64", "model.window is not read by the task ranking"),
        ("classification", "data.word_column=1", "data.word_column is not read by the task classification"),
        ("pair-classification", "model.window=64", "model.window is not read by the task pair-classification"),
        ("tagging", "training.r_drop_alpha=1", "it compares one answer per text, and a text has many tags"),
        ("answering", "training.r_drop_alpha=1", "it compares one answer per text, and texts are read in windows"),
        ("embedding", "training.fgm_epsilon=1", "its loss compares the texts of a batch with each other"),
        ("pretraining", "training.fgm_epsilon=1", "it learns from hidden words, not from labels"),
        ("tagging", "training.augment.share=0.5", "the task tagging: its labels are places in the texts, which"),
        ("answering", "training.augment.share=0.5", "the task answering: its answers are words of the contexts"),
        ("embedding", "training.augment.share=0.5", "the task embedding: it tells by their tokens which texts"),
        ("pretraining", "training.augment.share=0.5", "the task pretraining: it learns what texts are like"),
    ],
)
def test_a_setting_of_other_tasks_is_named(task: str, override: str, message: str) -> None:
    assert message in complaint(f"task={task}", override)


@pytest.mark.parametrize("task", ["classification", "regression", "pair-classification", "pair-regression", "ranking"])
def test_tasks_that_learn_a_label_of_a_row_may_change_its_texts(task: str) -> None:
    changes = ("training.augment.share=0.3", 'training.augment.kinds=["typos", "full-width"]')
    assert with_set(f"task={task}", *changes).training.augment.describe() == (
        "30 % of train in each epoch: typos, full-width"
    )
    assert "training.augment.kinds" in complaint(f"task={task}", 'training.augment.kinds=["slang"]')


def test_settings_of_the_task_and_defaults_of_others_are_taken() -> None:
    experiment = with_set("task=ranking", "data.query=a", "data.candidate=1", "data.group=g", "data.text=text")
    assert (experiment.data.query, experiment.data.candidate, experiment.data.group) == ("a", "1", "g")
    assert with_set("task=pair-classification", "model.multi_label=true", "data.label_separator=|").model.multi_label


@pytest.mark.parametrize("values", [{}, {"name": "a"}, {"data": {"train": "x"}}, {"name": "a", "data": {}}])
def test_a_missing_setting_says_how_to_give_it(values: dict[str, Any]) -> None:
    setting = "name" if "name" not in values else "data.train"
    assert f"--set {setting}=..." in complaint(values=values)
    assert parse_experiment(values, ["name=a", "data.train=x"]).name == "a"


@pytest.mark.parametrize("item", ["epochs", "training.epochs", "training.epochs: 2", ""])
def test_an_override_without_a_value(item: str) -> None:
    assert complaint(item).startswith(f"--set {item.partition(':')[0]}: expected section.name=value")


def test_an_override_below_a_value() -> None:
    assert "name is a value, not a section" in complaint("name.first=x")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    malformed, latin = tmp_path / "broken.toml", tmp_path / "latin.toml"
    malformed.write_text("name = news\n")
    latin.write_bytes('name = "caf\xe9"\n'.encode("latin-1"))
    cases = [
        (tmp_path / "none.toml", "no such settings file; `tfapp init"),
        (tmp_path, "no such settings file"),
        (malformed / "below.toml", "no such settings file"),
        (malformed, "not valid TOML: Invalid value (at line 1"),
        (latin, "not valid TOML: 'utf-8' codec can't decode byte 0xe9 in position 11"),
    ]
    for file, text in cases:
        with pytest.raises(SettingsError) as error:
            load_experiment(file)
        assert str(error.value).startswith(f"{file}: {text}")
        assert len(str(error.value).splitlines()) == 1
    assert str(error.value).endswith("; save it as UTF-8")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        with_set().training.epochs = 3  # type: ignore[misc]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
shares = st.floats(0.01, 0.49)
ratings = st.fixed_dictionaries(
    {"column": texts, "center": st.floats(allow_nan=False, allow_infinity=False), "neutral_within": st.floats(0, 1e9)}
)
experiments = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        "data": st.fixed_dictionaries(
            {"train": texts, "dev_share": shares, "test_share": shares, "split_seed": st.integers()},
            optional={
                "dev": texts,
                "text": texts,
                "header": st.booleans(),
                "label_separator": texts.filter(bool),
                "rating": ratings,
                "max_rows": st.integers(1),
                "on_empty_text": st.sampled_from(["drop", "fail"]),
            },
        ),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "learning_rate": st.floats(1e-300, 1e300),
                "patience": st.integers(1, 10**20),
                "lora_targets": st.lists(texts, min_size=1, max_size=3),
            },
        ),
        "model": st.fixed_dictionaries({}, optional={"preset": texts, "dropout": st.floats(0, 0.999)}),
        "export": st.fixed_dictionaries({}, optional={"max_length": st.integers(4)}),
    }
)


@given(values=experiments)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    experiment = parse_experiment(values)
    file = tmp_path_factory.getbasetemp() / "dumped.toml"
    file.write_text(dump_toml(experiment), encoding="utf-8")
    assert load_experiment(file) == experiment


names = st.sampled_from(["data", "training", "model", "rating", "epochs", "train", "name", "x", ""]) | texts
items = st.builds(
    lambda path, value: ".".join(path) + "=" + value, st.lists(names, min_size=1, max_size=4), texts
) | st.text(max_size=20)


@settings(max_examples=300)
@given(overrides=st.lists(items, max_size=3))
def test_whatever_is_given_is_taken_or_refused_in_one_line(overrides: list[str]) -> None:
    message = ""
    try:
        parse_experiment(BASE, overrides)
    except SettingsError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


@pytest.mark.parametrize("task", sorted(task_settings()))
def test_what_is_written_is_read_by_the_task_and_makes_the_same_experiment(task: str) -> None:
    settings_by_task = task_settings()
    experiment = parse_experiment({**BASE, "task": task})
    values = tomllib.loads(dump_toml(experiment))
    assert parse_experiment(values) == experiment
    names = {f"{section}.{name}" for section in ("data", "model", "training") for name in values[section]}
    assert names >= set(settings_by_task[task].columns)
    assert not names & set(foreign_fields(settings_by_task[task], settings_by_task.values()))
