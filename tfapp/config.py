"""One experiment as frozen settings: TOML in, `--set` overrides, validated with the field's name.

    settings = load_experiment("examples/bbc-news.toml", ["training.epochs=2"])

The descriptions of the fields are the reference of the settings file: `tfapp init` writes them as comments.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tfapp.errors import SettingsError
from tfapp.overrides import apply_override, first_problem
from tfapp.rules import broken_rule
from tfapp.sections import DistillationSettings, FreshSettings, MaskingSettings, RatingSettings, Settings
from tfapp.tasks import TaskName, foreign_setting

__all__ = [
    "DataSettings",
    "DistillationSettings",
    "Experiment",
    "ExportSettings",
    "FreshSettings",
    "MaskingSettings",
    "ModelSettings",
    "OnProblem",
    "RatingSettings",
    "TrainingSettings",
    "dump_toml",
    "load_experiment",
    "parse_experiment",
]

OnProblem = Literal["drop", "fail"]


class DataSettings(Settings):
    """Where the texts and labels come from, and how they are cleaned and split."""

    train: str = Field(
        description="A data set's name, a file (csv, tsv, jsonl, parquet, txt, conll, squad) or a folder of text files."
    )
    dev: str | None = Field(None, description="The same for the dev split; by default a share of train.")
    test: str | None = Field(None, description="The same for the test split; by default a share of train.")
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "txt", "folder", "conll", "squad"] = Field(
        "auto",
        description="The files' format; auto: by the file's suffix. txt: a text a line. conll: a word and its tag a "
        "line. squad: questions on paragraphs, as SQuAD's json.",
    )
    encoding: str = Field("utf-8", description="The files' text encoding.")
    text: str = Field("text", description="The column of the texts.")
    query: str = Field("query", description="Tasks on pairs: the column of the first texts.")
    candidate: str = Field("candidate", description="Tasks on pairs: the column of the second texts.")
    question: str = Field("question", description="Answering: the column of the questions.")
    context: str = Field("context", description="Answering: the column of the texts that hold the answers.")
    answer: str = Field(
        "answer",
        description="Answering: the column of the answers, words of the context; empty where it does not answer. In "
        "jsonl also a list, or SQuAD's answers.",
    )
    answer_start: str = Field(
        "answer_start",
        description="Answering: the column of the place where the answer begins, in characters from 0; may be missing "
        "where the answer stands in its context once.",
    )
    group: str | None = Field(
        None,
        min_length=1,
        description="Tasks on pairs: the column that tells which rows belong to one query, and to one side of the "
        "split; unset, or empty in a row: those with the same query, of answering with the same context.",
    )
    label: str = Field(
        "label",
        description="The column of the labels; of ranking: a grade, 0 for what does not fit; of tagging: a list of "
        "spans with start, end (in characters) and label.",
    )
    word_column: int = Field(
        0, description="conll files: the column of the words, counted from 0, or from the end: -1."
    )
    tag_column: int = Field(
        -1, description="conll files: the column of the tags (IOB1, IOB2 or BIOES), counted in the same way."
    )
    unknown_label: str | None = Field(
        None,
        min_length=1,
        description="The classifier answers this where none of its labels fits. Rows with this label, if there are "
        "any, belong to none; unset: it always answers one of its labels.",
    )
    header: bool = Field(
        True, description="The first line of a csv or tsv file names its columns; false: they are named 0, 1, 2, ..."
    )
    label_separator: str | None = Field(
        None, min_length=1, description="Multi-label data in csv and tsv: what separates the labels of one text."
    )
    rating: RatingSettings | None = Field(None, description="Take labels from a rating instead of a label column.")
    dev_share: float = Field(0.1, gt=0, lt=1, description="Share of train that becomes dev where dev is not given.")
    test_share: float = Field(
        0.2, ge=0, lt=1, description="Share of train that becomes test where test is not given; 0: evaluate on dev."
    )
    split_seed: int = Field(0, description="With a text's hash, decides which side the text falls on.")
    on_empty_text: OnProblem = Field("drop", description="A text without a visible character: drop the row, or fail.")
    on_missing_label: OnProblem = Field("drop", description="A row without a label: drop it, or fail.")
    on_single_label: OnProblem = Field("drop", description="A label that only one text has: drop the row, or fail.")
    on_unseen_label: OnProblem = Field(
        "fail", description="A label in dev or test that train lacks: drop its rows, or fail."
    )
    max_rows: int | None = Field(None, ge=1, description="Read at most this many rows of each file.")

    @model_validator(mode="after")
    def _shares_leave_train(self) -> Self:
        taken = (0 if self.dev else self.dev_share) + (0 if self.test else self.test_share)
        if taken >= 1:
            raise ValueError(f"dev_share + test_share must be under 1, got {taken:g}")
        return self


class ModelSettings(Settings):
    """Which network is trained."""

    kind: Literal["bert", "lstm"] = Field(
        "bert", description="bert: a pretrained BERT with a head; lstm: a small baseline that learns from nothing."
    )
    preset: str = Field(
        "minilm-l6",
        description="A preset's name, a KerasHub handle, hf://OWNER/NAME, or a KerasHub or Hugging Face BERT's folder.",
    )
    max_length: int = Field(
        128,
        ge=4,
        description="Longest input in tokens, [CLS] and [SEP] included; the rest is cut, in tagging and answering read "
        "in further windows of this length.",
    )
    window: int | None = Field(
        None,
        ge=4,
        description="BERT reads longer texts in windows of at most this many tokens and takes the mean; unset: whole.",
    )
    pooling: Literal["cls", "mean", "max"] = Field(
        "cls", description="What the head reads: BERT's pooled [CLS] vector, or the tokens' mean or maximum."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate before the output layer.")
    multi_label: bool = Field(False, description="A text may have any number of labels, none included.")
    unknown_share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="With data.unknown_label, and no rows of that label in dev: the share of dev that may be answered "
        "so by mistake.",
    )
    decoding: Literal["constrained", "crf", "greedy"] = Field(
        "constrained",
        description="Tagging: how a text's tags are chosen. constrained: the best sequence that is legal; crf: the "
        "same, and what follows what is learnt too; greedy: each word's best tag.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Tagging: the loss counts words alike, or each tag's words by how rare the tag is."
    )
    no_answer: bool | None = Field(
        None, description="Answering: the model may say that a context does not answer. Unset: if train has such."
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="Answering: tokens from the start of one window of the context to that of the next, at most. "
        "Unset: half a window.",
    )
    max_windows: int = Field(64, ge=1, description="Answering: windows of a context that are read; the rest is cut.")
    max_answer_length: int = Field(30, ge=1, description="Answering: longest answer in tokens.")
    masking: MaskingSettings = MaskingSettings()
    fresh: FreshSettings | None = Field(None, description="Pretraining: start from nothing instead of from preset.")
    embedding_dim: int = Field(64, ge=1, description="Width of the lstm baseline's embedding.")
    lstm_units: int = Field(64, ge=1, description="Width of the lstm baseline's hidden state.")


class TrainingSettings(Settings):
    """How the network learns."""

    epochs: int = Field(1, ge=1, description="Passes over the training texts.")
    batch_size: int = Field(16, ge=1, description="Texts a step, over all devices together.")
    learning_rate: float = Field(1e-4, gt=0, description="Highest learning rate, reached at the end of warm-up.")
    head_learning_rate: float | None = Field(
        None, gt=0, description="The same for the output layer, which starts from nothing; unset: as learning_rate."
    )
    adapt: Literal["all", "lora", "head"] = Field(
        "all",
        description="What learns. all: every weight; lora: the head, and thin matrices beside lora_targets (Hu et al. "
        "2021); head: the head alone, fitted exactly to what the BERT reads in one pass.",
    )
    lora_rank: int = Field(8, ge=1, description="Rank of what lora adds to a kernel.")
    lora_alpha: float = Field(16.0, gt=0, description="What lora adds is multiplied by lora_alpha / lora_rank.")
    lora_targets: tuple[str, ...] = Field(
        ("query", "value"),
        min_length=1,
        description="Layers that lora adapts: query, key, value, attention_output, feedforward_intermediate_dense, "
        "feedforward_output_dense.",
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Each BERT layer's learning rate, as a share of that of the layer above it."
    )
    warmup_share: float = Field(0.1, ge=0, le=1, description="Share of all steps in which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay; biases and layer norms have none.")
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this global norm.")
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after this many epochs without a better dev score; unset: never (adapt head: 2 fits).",
    )
    seed: int = Field(0, ge=0, description="Seeds the head's weights, the order of the texts and dropout.")
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs and on processors that multiply it (AVX-512 BF16, AMX), else float32.",
    )
    strategy: Literal["auto", "none", "mirrored", "multi-worker"] = Field(
        "auto", description="auto: none for one device, mirrored for several GPUs, multi-worker where TF_CONFIG is set."
    )
    deterministic: bool = Field(True, description="The same seed gives the same metrics twice on a CPU.")
    checkpoint_steps: int = Field(50, ge=1, description="Steps between two checkpoints that --resume can go on from.")
    log_steps: int = Field(10, ge=1, description="Steps between two points of the training curves.")


class ExportSettings(Settings):
    """How the model is served."""

    max_length: int | None = Field(
        None, ge=4, description="Longest input of the served model in tokens; unset: as in training."
    )
    warmup_requests: int = Field(
        8, ge=1, le=1000, description="Requests that a server runs before it says it is ready."
    )


class Experiment(Settings):
    """One experiment: its data, its model, its training and its export."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run folder and the served model.")
    task: TaskName = Field(
        "classification",
        description="What the model does: classification of texts, pair-classification, ranking of candidates for "
        "a query, tagging of spans in texts, answering of questions from contexts; or pretraining of a BERT on texts "
        "without labels.",
    )
    data: DataSettings
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings | None = None
    export: ExportSettings = ExportSettings()

    @property
    def origin(self) -> str:
        """What the weights start from, in words."""
        if self.distillation and self.distillation.layers:
            return f"{self.distillation.layers} layers of {self.distillation.teacher}"
        if self.model.kind != "bert" or self.model.fresh:
            return f"none ({'fresh' if self.model.fresh else self.model.kind})"
        return self.model.preset

    @model_validator(mode="after")
    def _task_reads_what_is_set(self) -> Self:
        read = {"data", "model", "distillation"}
        problem = foreign_setting(self.task, self.model_dump(include=read, exclude_defaults=True))
        if problem:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _settings_go_together(self) -> Self:
        problem = broken_rule(self)
        if problem:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _multi_label_needs_labels(self) -> Self:
        if self.model.multi_label and self.data.rating:
            raise ValueError("model.multi_label and data.rating exclude each other: a rating gives one label")
        if self.model.multi_label and self.data.unknown_label:
            raise ValueError(
                "model.multi_label and data.unknown_label exclude each other: a text may have no label there anyway"
            )
        return self

    @model_validator(mode="after")
    def _crf_weighs_sequences(self) -> Self:
        if self.model.decoding == "crf" and self.model.class_weights != "none":
            raise ValueError("model.class_weights weighs single words, but a crf learns whole texts; set none")
        return self

    @model_validator(mode="after")
    def _adapt_fits_the_model(self) -> Self:
        adapt, decay = self.training.adapt, self.training.layer_decay
        asked = f"training.adapt is {adapt}" if adapt != "all" else f"training.layer_decay is {decay:g}"
        if self.model.kind != "bert" and (adapt != "all" or decay < 1):
            raise ValueError(f"{asked}, but model.kind {self.model.kind} has no pretrained layers; use kind bert")
        if adapt == "head" and decay < 1:
            raise ValueError(f"training.layer_decay is {decay:g}, but with adapt head no layer below the head learns")
        return self


def load_experiment(path: Path | str, overrides: Iterable[str] = ()) -> Experiment:
    """Reads a settings file.

    Args:
        path: A TOML file. Relative data paths in it are relative to the working folder.
        overrides: `section.name=value` items; a value is read as TOML, and as a plain string where it is none.

    Returns:
        The experiment.

    Raises:
        SettingsError: The file is missing or no TOML, or a setting breaks its rule; names the field.
    """
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise SettingsError(f"{file}: no such settings file; `tfapp init DATA_FILE` writes one") from error
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from error
    return parse_experiment(values, overrides, source=str(file))


def parse_experiment(
    values: Mapping[str, Any], overrides: Iterable[str] = (), *, source: str = "settings"
) -> Experiment:
    """Builds an experiment from nested dicts and overrides.

    Args:
        values: As a TOML file gives them.
        overrides: As in `load_experiment`.
        source: Names the settings in error messages.

    Returns:
        The experiment.

    Raises:
        SettingsError: A setting has an unknown name or breaks its rule.
    """
    merged = _copied(values)
    for item in overrides:
        apply_override(merged, item, Experiment)
    try:
        return Experiment.model_validate(merged)
    except ValidationError as error:
        problem = " ".join(first_problem(error, Experiment).splitlines())
        raise SettingsError(f"{source}: {problem}") from error


def dump_toml(experiment: Experiment) -> str:
    """Writes every setting of an experiment as TOML that `load_experiment` reads back."""
    import tomli_w

    return tomli_w.dumps(experiment.model_dump(exclude_none=True))


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values in dicts of our own."""
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}
