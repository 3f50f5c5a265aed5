"""Selects the texts behind an alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import AlertRow, MessageRow, ReferenceRow
from tfapp.apps.monitor.text_profile import MEASURES, DriftMeasure, Sample, TextProfile
from tfapp.apps.monitor.windows import WIDTHS
from tfapp.apps.shared.times import shift
from tfapp.data.cleaning import normalize_text

__all__ = ["alert_texts", "reference_of", "sample_of"]

# The most texts of an alert that are read.
_MAX_TEXTS: Final = 2000


def alert_texts(session: Session, alert: AlertRow, settings: MonitorSettings, limit: int) -> list[MessageRow]:
    """Returns the most confident negative texts of a rise, or those of a drift that differ most from the reference."""
    query = select(MessageRow).where(MessageRow.time >= alert.start)
    if alert.end is not None:
        # An alert that late texts took back reaches to the end of the window that detected it.
        end = max(alert.end, shift(alert.found, WIDTHS[alert.width])) if alert.ended_by == "late texts" else alert.end
        query = query.where(MessageRow.time < end)
    if alert.kind == "rise":
        query = query.where(MessageRow.topic == alert.topic, MessageRow.sentiment == settings.negative)
        query = query.order_by(MessageRow.sentiment_confidence.desc(), MessageRow.id)
        return _drop_similar(session.scalars(query.limit(_MAX_TEXTS)), limit)
    rows = list(session.scalars(query.order_by(MessageRow.id).limit(_MAX_TEXTS)))
    return _drop_similar(_by_distance(session, alert, rows), limit)


def reference_of(session: Session) -> tuple[ReferenceRow, TextProfile] | None:
    """Returns the current reference and its profile; None while there are too few texts."""
    row = session.scalars(select(ReferenceRow).order_by(ReferenceRow.id.desc()).limit(1)).first()
    return None if row is None else (row, TextProfile.from_json(row.profile))


def _drop_similar(rows: Iterable[MessageRow], limit: int) -> list[MessageRow]:
    """Returns the first texts, each wording once."""
    wordings: dict[str, MessageRow] = {}
    for row in rows:
        wordings.setdefault(normalize_text(row.text).casefold(), row)
        if len(wordings) == limit:
            break
    return list(wordings.values())


def _by_distance(session: Session, alert: AlertRow, rows: Sequence[MessageRow]) -> list[MessageRow]:
    reference = reference_of(session)
    measure: DriftMeasure | None = next((name for name in MEASURES if name == alert.kind), None)
    if reference is None or measure is None:
        return list(rows)
    values = reference[1].evaluate(measure, [sample_of(row) for row in rows])
    sign = 1 if alert.after >= alert.before else -1
    order = sorted(range(len(rows)), key=lambda index: (-sign * values[index], rows[index].id))
    return [rows[index] for index in order]


def sample_of(row: MessageRow) -> Sample:
    """Returns the sample of a text that drift is measured on."""
    return Sample(row.text, (row.topic_confidence + row.sentiment_confidence) / 2)
