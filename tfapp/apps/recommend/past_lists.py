"""Lists that users could have been given in the past, and the items that they liked after them, for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.user_profile import UserHistory

__all__ = ["PastList", "lists_after", "past_lists"]

# Shares of the log's time order at which all that is known is counted; what follows is what users liked next.
_CUTS: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
# Events after which a user is given a list.
_DEPTHS: Final = (5, 15, 40)


@dataclass(frozen=True)
class PastList:
    """A list that a user could have been given.

    `relevant` is int[L], items liked afterwards that were not in the history; each once.
    """

    user: int
    history: UserHistory
    relevant: NDArray[np.intp]


def past_lists(log: EventLog, settings: RecommendSettings) -> Iterator[tuple[float, list[PastList]]]:
    """Yields times of the past, with the lists that users could have been given up to the next one.

    Whatever a list's features are made of comes before it: what is known of all items before the time, and of the
    user before the list.
    """
    if not len(log):
        return
    # Of equal times none is before the other, so a time may come twice.
    times = np.unique([log.times[int(share * len(log))] for share in _CUTS])
    for start, end in zip(times, [*times[1:], np.inf], strict=True):
        yield float(start), list(lists_after(log.before(end), float(start), settings, depths=_DEPTHS, short=True))


def lists_after(
    log: EventLog, start: float, settings: RecommendSettings, *, depths: Sequence[int], short: bool = False
) -> Iterator[PastList]:
    """Yields the lists of users who liked something after a time.

    Args:
        log: Events.
        start: The time, in seconds since 1970.
        settings: What a history is.
        depths: A list is made of all that a user had done before `start`, or of so many events, where those are more.
        short: Of a user with fewer events, a list is made of all but the last; else none.
    """
    for events in log.by_user():
        before = int(np.searchsorted(events.times, start, "left"))
        list_depths = {max(before, min(depth, len(events) - 1) if short else depth) for depth in depths}
        for depth in sorted(list_depths):
            if 0 < depth < len(events):
                # What has the time of the last event of the history is in it, too, for nothing says what came first.
                index = int(np.searchsorted(events.times, events.times[depth - 1], "right"))
                past_list = _past_list(events[:index], events[index:], settings)
                if len(past_list.relevant):
                    yield past_list


def _past_list(past: EventLog, future: EventLog, settings: RecommendSettings) -> PastList:
    history = UserHistory.of(past, max_items=settings.history, half_life=settings.half_life)
    relevant = np.setdiff1d(future.items[future.strengths > 0], past.items)
    return PastList(int(past.users[0]), history, relevant)
