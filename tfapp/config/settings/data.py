"""Defines the section `[data]`: where texts and labels come from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tfapp.config.settings.base import Settings

__all__ = ["DataSettings", "FormatName", "OnOverlap", "OnProblem", "RatingSettings"]

FormatName = Literal["csv", "tsv", "jsonl", "parquet", "txt", "folder", "conll", "squad", "arrow", "xlsx"]
"""The formats of data files; `tfapp.data.file_formats` says what each is."""

OnProblem = Literal["drop", "fail"]
OnOverlap = Literal["drop", "keep"]


def _as_separator(value: str) -> str:
    """Returns the one character; a tab has a name, as it can hardly be written on a command line."""
    value = "\t" if value in ("tab", "\\t") else value
    if len(value) != 1 or value in '"\r\n':
        raise ValueError(f'must be one character such as ";", no quote and no line end, or tab; got {value!r:.40}')
    return value


class RatingSettings(Settings):
    """Turns a rating into one of the labels negative, neutral and positive."""

    column: str = Field("rating", description="The column of the ratings, which are numbers.")
    center: float = Field(0.0, description="The rating that is neither good nor bad (3 for one to five stars).")
    neutral_within: float = Field(
        0.5, ge=0, description="Ratings at most this far from the center are neutral, the rest negative or positive."
    )


class DataSettings(Settings):
    """The settings of texts and labels: their source, cleaning and splits."""

    train: str = Field(
        description="A data set's name, a file (csv, tsv, jsonl, parquet, xlsx, txt, conll, squad) or a folder of text "
        "files."
    )
    dev: str | None = Field(None, description="The same for the dev split; by default a share of train.")
    test: str | None = Field(None, description="The same for the test split; by default a share of train.")
    format: Literal["auto", FormatName] = Field(
        "auto",
        description="The files' format. auto: by the file's suffix; txt: one text per line; conll: one word and its "
        "tag per line; squad: questions on paragraphs, as SQuAD's json; arrow: a folder that Hugging Face datasets "
        "saved, or one split of it, as FOLDER/train.",
    )
    encoding: str = Field("utf-8", description="The files' text encoding.")
    text: str = Field("text", description="The column of the texts.")
    query: str = Field("query", description="Tasks on pairs: the column of the first texts.")
    candidate: str = Field("candidate", description="Tasks on pairs: the column of the second texts.")
    group: str | None = Field(
        None,
        min_length=1,
        description="The column that groups the rows of one query or one text, which stay in one split.",
    )
    label: str = Field(
        "label",
        description="The column of the labels.",
    )
    unknown_label: str | None = Field(
        None,
        min_length=1,
        description="The answer of a classifier if none of its labels fits. Rows with this label, if there are any, "
        "are examples of such texts. By default, it always answers one of its labels.",
    )
    header: bool = Field(
        True,
        description="The first line of a csv or tsv file, or row of a sheet, names the columns; false: they are 0, 1, "
        "2, ...",
    )
    separator: Annotated[str, AfterValidator(_as_separator)] | None = Field(
        None,
        description='csv files: the character that separates the fields of a row, such as ";", or tab. By default, it '
        "is found by the first rows.",
    )
    sheet: str | None = Field(
        None, min_length=1, description="Excel files: the name of the sheet; by default the first one."
    )
    label_separator: str | None = Field(
        None, min_length=1, description="Multi-label data in csv and tsv: the separator between the labels of one text."
    )
    merge_labels: bool = Field(
        False,
        description="Labels that differ only in case or white space are one label, in its most frequent spelling.",
    )
    rating: RatingSettings | None = Field(None, description="Take labels from a rating instead of a label column.")
    dev_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of train that becomes dev if dev is not given.",
    )
    test_share: float = Field(
        0.2, ge=0, lt=1, description="Share of train that becomes test if test is not given; 0: evaluate on dev."
    )
    split_seed: int = Field(0, description="Decides, together with a text's hash, in which split the text is.")
    per_class: int | None = Field(
        None, ge=1, description="Train on at most this many texts per label, drawn by split_seed; by default on all."
    )
    on_empty_text: OnProblem = Field("drop", description="If a text has no visible character: drop the row, or fail.")
    on_missing_label: OnProblem = Field("drop", description="If a row has no label: drop it, or fail.")
    on_single_label: OnProblem = Field("drop", description="If only one text has a label: drop the row, or fail.")
    on_unseen_label: OnProblem = Field(
        "fail", description="If dev or test has a label that train lacks: drop its rows, or fail."
    )
    on_overlap: OnOverlap = Field(
        "drop",
        description="If a text of train is also in the file of dev or test, which is always evaluated as it is: drop "
        "it from train, or keep it.",
    )
    max_rows: int | None = Field(None, ge=1, description="Read at most this many rows of each file.")

    @property
    def train_share(self) -> float:
        """Returns the share of the rows of `train` that neither dev nor test is made of."""
        return 1 - (0 if self.dev else self.dev_share) - (0 if self.test else self.test_share)

    @model_validator(mode="after")
    def _shares_leave_train(self) -> Self:
        if self.train_share <= 0:
            raise ValueError(f"dev_share + test_share must be under 1, got {1 - self.train_share:g}")
        return self
