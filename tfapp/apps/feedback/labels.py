"""Stores the labels that people gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tfapp.apps.feedback.tables import LabelRow
from tfapp.apps.shared.store import Store
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import checked_name, text_key, tidy
from tfapp.errors import SettingsError

__all__ = ["Label", "Labels"]


@dataclass(frozen=True)
class Label:
    """The labels that a person gave to a text.

    Attributes:
        model: The model whose labels they are.
        text: The text, as the model was asked.
        given: The labels; of a model with one label a text, exactly one.
        multi_label: Whether a text may have several, or none.
        version: The version that was asked; None where none was.
        predicted: What it answered.
        score: How sure it was.
        given_by: Who gave the label.
    """

    model: str
    text: str
    given: tuple[str, ...]
    multi_label: bool = False
    version: int | None = None
    predicted: str | None = None
    score: float | None = None
    given_by: str = ""


class Labels:
    """The labels in the database; of each text and model, the latest counts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def give(self, label: Label) -> None:
        """Stores a label; the same one twice counts once.

        Raises:
            SettingsError: There is no label, one is too long, or there are several where a text has one.
        """
        labels = list(dict.fromkeys(checked_name("the label", name) for name in label.given))
        if not label.multi_label and len(labels) != 1:
            raise SettingsError(f"{label.model}: a text has one label, got {len(labels)}; choose one")
        if tidy(label.text) is None:
            raise SettingsError("the text is empty; nothing to label")
        key, now = text_key(label.text), self._clock()
        values = {name: getattr(label, name) for name in ("multi_label", "version", "predicted", "score")}
        values |= {"given": labels, "given_by": label.given_by, "given_at": now}

        def work(session: Session) -> None:
            row = session.scalars(_rows_of_model(label.model).where(LabelRow.key == key)).first()
            if row is None:
                session.add(LabelRow(model=label.model, key=key, text=label.text, **values))
            else:
                for name, value in values.items():
                    setattr(row, name, value)

        self._store.run(work)

    def take_back(self, model: str, text: str) -> None:
        """Deletes the label of a text, if it has one."""

        def work(session: Session) -> None:
            row = session.scalars(_rows_of_model(model).where(LabelRow.key == text_key(text))).first()
            if row is not None:
                session.delete(row)

        self._store.run(work)

    def counts(self) -> dict[str, int]:
        """Returns how many texts have a label, by model."""
        query = select(LabelRow.model, func.count()).group_by(LabelRow.model).order_by(LabelRow.model)
        return self._store.read(lambda session: {row.model: int(row[1]) for row in session.execute(query)})

    def latest(self, model: str, limit: int = 10) -> list[LabelRow]:
        """Returns the last labels, newest first."""
        query = _rows_of_model(model).order_by(LabelRow.given_at.desc(), LabelRow.id.desc()).limit(limit)
        return self._store.read(lambda session: list(session.scalars(query)))

    def rows(self, model: str) -> Iterator[dict[str, Any]]:
        """Yields the labels as rows that `tfapp train` reads: text, and label or list of labels.

        Each row also has what was known of the answer: model, version, predicted, score, given_by, given_at.
        """
        for row in self._store.read(lambda session: list(session.scalars(_rows_of_model(model).order_by(LabelRow.id)))):
            yield {
                "text": row.text,
                "label": row.given if row.multi_label else row.given[0],
                **{name: getattr(row, name) for name in ("model", "version", "predicted", "score", "given_by")},
                "given_at": row.given_at.isoformat(timespec="seconds"),
            }


def _rows_of_model(model: str) -> Any:
    return select(LabelRow).where(LabelRow.model == model)
