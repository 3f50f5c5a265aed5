"""The section [search]: what is read of it, and what is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import Experiment, dump_toml
from tfapp.config.search_space import SearchDimension, read_search_space
from tfapp.errors import SettingsError
from tfapp.tasks.experiments import parse_experiment, task_settings


def experiment(toml: str = "", *, task: str = "classification", **sections: dict[str, Any]) -> Experiment:
    values = {"name": "a", "task": task, "data": {"train": "a.csv"}, **sections}
    return parse_experiment(values | tomllib.loads(toml), source="a.toml")


def space(toml: str = "", **options: Any) -> dict[str, SearchDimension]:
    settings = experiment(toml, **options)
    return {dimension.name: dimension for dimension in read_search_space(settings, task_settings()[settings.task])}


def test_ranges_lists_and_sections_are_read() -> None:
    dimensions = space(
        """
        [search]
        learning_rate = { low = 2e-5, high = 5e-4, log = true }
        model.dropout = { low = 0, high = 1e-1 }
        "training.batch_size" = [16, 32]
        epochs = { low = 1, high = 4 }
        [search.model]
        pooling = ["cls", "mean"]
        """.replace("model.dropout", '"model.dropout"')
    )
    assert dimensions["training.learning_rate"] == SearchDimension("training.learning_rate", 2e-5, 5e-4, log=True)
    # Whole numbers where the setting is one, not where they were written so.
    assert dimensions["training.epochs"].whole
    assert not dimensions["model.dropout"].whole
    assert dimensions["training.batch_size"].values == (16, 32)
    assert dimensions["model.pooling"].values == ("cls", "mean")


def test_methods_of_robust_training_can_be_searched() -> None:
    dimensions = space(
        """
        [search]
        fgm_epsilon = { low = 0.1, high = 2.0, log = true }
        "training.augment.share" = [0.0, 0.5]
        word_share = { low = 0.05, high = 0.3, when = { "training.augment.share" = 0.5 } }
        """
    )
    assert not dimensions["training.fgm_epsilon"].whole
    assert dimensions["training.augment.word_share"].conditions == {"training.augment.share": (0.5,)}


def test_conditions_name_other_settings_and_come_after_them() -> None:
    text = """
    [search]
    lora_rank = { low = 2, high = 8, when = { adapt = "lora" } }
    layer_decay = { values = [0.8, 0.9], when = { adapt = ["all", "lora"], "model.kind" = "bert" } }
    adapt = ["all", "lora", "head"]
    """
    dimensions = space(text)
    assert next(iter(dimensions)) == "training.adapt"
    rank, decay = dimensions["training.lora_rank"], dimensions["training.layer_decay"]
    assert [rank.applies({"training.adapt": kind}) for kind in ("all", "lora", "head")] == [False, True, False]
    assert decay.applies({"training.adapt": "lora", "model.kind": "bert"})
    assert not decay.applies({"training.adapt": "lora", "model.kind": "lstm"})
    assert rank.describe() == "training.lora_rank: 2 to 8, where training.adapt is lora"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("learning_rat = [1e-4]", 'a.toml: unknown setting search.learning_rat; did you mean "learning_rate"?'),
        ('"training.epoch" = [1]', 'unknown setting search.training.epoch; did you mean "training.epochs"?'),
        ("stride = [4]", "unknown setting search.stride"),
        ("learning_rate = [-1.0]", "search.learning_rate should be greater than 0, got -1.0"),
        ("learning_rate = { low = 1e-4, high = 1e-5 }", "search.learning_rate: low must be under high"),
        ("dropout = { low = 0, high = 0.1, log = true }", "with log, low must be over 0"),
        ("epochs = { low = 1.5, high = 3 }", "search.epochs should be a valid integer"),
        ("epochs = 3", "search.epochs is a list of values or a range such as"),
        ("epochs = []", "search.epochs: values "),
        ("epochs = { low = 1, heigh = 3 }", "search.epochs: "),
        ("pooling = { low = 1, high = 3 }", "search.pooling should be 'cls', 'mean' or 'max'"),
        ("multi_label = { low = false, high = true }", "search.multi_label"),
        ("test_share = [0.1, 0.2]", "trials are compared on the same data, so data.test_share cannot be searched"),
        (
            'lora_rank = { low = 1, high = 2, when = { adapt = "lora" } }',
            "where training.adapt is lora, which never",
        ),
        ("epochs = [1]\ntraining.epochs = [2]", "training.epochs is there twice"),
        (
            'adapt = { values = ["all"], when = { epochs = 1 } }\nepochs = { values = [1], when = { adapt = "all" } }',
            "wait for one another",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(line: str, words: str) -> None:
    with pytest.raises(SettingsError) as problem:
        experiment(f"[search]\n{line}")
    assert str(problem.value).startswith("a.toml: ")
    assert words in str(problem.value)


def test_a_name_of_two_sections_needs_its_section() -> None:
    teacher = {"teacher": "runs/big", "layers": 2}
    with pytest.raises(SettingsError, match=r'search\.temperature: write "model\.temperature" or "distillation'):
        experiment("[search]\ntemperature = [1.0]", distillation=teacher)
    dimensions = space('[search]\n"distillation.temperature" = [1.0, 2.0]', distillation=teacher)
    assert dimensions["distillation.temperature"].values == (1.0, 2.0)


@pytest.mark.parametrize("task", sorted(name for name, settings in task_settings().items() if settings.search))
def test_a_proposed_space_is_of_the_task_s_own_settings(task: str) -> None:
    dimensions = space(task=task)
    assert "training.learning_rate" in dimensions
    assert "training.lora_rank" not in dimensions


def test_the_proposed_space_lies_around_the_settings() -> None:
    dimensions = space(training={"learning_rate": 1e-3, "epochs": 10})
    assert (dimensions["training.epochs"].low, dimensions["training.epochs"].high) == (5, 20)
    assert dimensions["training.learning_rate"].high == pytest.approx(5e-3)
    assert space(task="embedding", training={"epochs": 0})["training.epochs"].high == 2


def test_the_proposed_space_leaves_out_what_the_settings_decide() -> None:
    assert space(training={"adapt": "head"}).keys() == {"model.pooling", "model.class_balance"}
    for method in ("lora", "dora", "adalora"):
        assert space(training={"adapt": method}).keys() >= {"training.lora_rank", "training.lora_rank_stabilized"}
        assert "training.learning_rate" in space(training={"adapt": method})
    assert "training.layer_decay" not in space(model={"kind": "lstm"})
    assert "training.word_dropout" in space()
    assert "training.word_dropout" not in space(training={"method": "few-shot"})


def test_a_training_takes_a_file_with_a_space_and_writes_it_again() -> None:
    settings = experiment("[search]\nlearning_rate = { low = 2e-5, high = 5e-4 }")
    copy = parse_experiment(tomllib.loads(dump_toml(settings)))
    assert copy == settings
    assert "search" not in dump_toml(settings, without={"search"})
    assert "search" not in dump_toml(experiment())


_SCALARS = st.one_of(st.booleans(), st.integers(-3, 100), st.floats(), st.sampled_from(["lora", "all", "cls", ""]))
_NAMES = st.sampled_from(
    ["learning_rate", "epochs", "adapt", "training", "training.epochs", "data.text", "pooling", "when", "low", "high"]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_NAMES, inner, max_size=3),
        st.fixed_dictionaries({"low": inner, "high": inner}, optional={"log": inner, "when": inner}),
        st.fixed_dictionaries({"values": inner}, optional={"when": inner}),
    ),
    max_leaves=6,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=3))
def test_any_section_is_read_or_refused_in_a_line(section: dict[str, Any]) -> None:
    values = {"name": "a", "task": "classification", "data": {"train": "a.csv"}, "search": section}
    problem, dimensions = "", ()
    try:
        dimensions = read_search_space(parse_experiment(values), task_settings()["classification"])
    except SettingsError as error:
        problem = str(error)
    assert len(problem.splitlines()) == (0 if dimensions else 1)
    for dimension in dimensions:
        assert dimension.values or dimension.low < dimension.high
        assert dimension.describe().startswith(dimension.name)
