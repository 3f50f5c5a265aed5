"""The results of detectors: a verdict for each window, and episodes of several windows, which become alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

__all__ = ["Detector", "EndedBy", "Ending", "Episode", "Verdict", "fold"]

W_contra = TypeVar("W_contra", contravariant=True)

EndedBy = Literal["normal", "lasting", "late texts"]
"""The reason why an alert ended: all is as before; it lasted so long that it is usual now; late texts took it back."""


@dataclass(frozen=True)
class Ending:
    """The end of an episode and its reason."""

    end: datetime
    by: EndedBy


@dataclass(frozen=True)
class Episode:
    """A time span in which something was unusual.

    Attributes:
        start: The first window of it.
        found: The window in which it was found.
        before: What is usual: a share, or another mean.
        after: What was found.
        texts: Texts that say so.
        negatives: Of them, negative ones.
        p_value: How probable that is where all is as usual.
        ending: Where it ended; None: it goes on.
    """

    start: datetime
    found: datetime
    before: float
    after: float
    texts: int
    negatives: int
    p_value: float
    ending: Ending | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of a detector for one window.

    Attributes:
        state: What it must know for the next window; as JSON.
        p_value: How probable the window is where all is as usual; None: the history is too short to tell.
        expected: What is usual.
        opened: An episode that begins.
        ended: The episode that went on ends.
    """

    state: Mapping[str, Any]
    p_value: float | None = None
    expected: float | None = None
    opened: Episode | None = None
    ended: Ending | None = None


class Detector(Protocol[W_contra]):
    """A detector that evaluates windows one by one; all it remembers is in the state."""

    def step(self, start: datetime, window: W_contra, state: Mapping[str, Any] | None) -> Verdict:
        """Evaluates a window.

        Args:
            start: Its first moment.
            window: What is in it.
            state: What was made of the windows before; None: there are none.
        """

    def current(self, state: Mapping[str, Any]) -> Episode | None:
        """Returns the episode that is open in a state."""


def fold(
    detector: Detector[W_contra], windows: Iterable[tuple[datetime, W_contra]], state: Mapping[str, Any] | None
) -> tuple[list[tuple[datetime, Verdict]], list[Episode]]:
    """Evaluates windows in their order.

    Returns:
        The verdicts, and the episodes that went on when it began, or began since.
    """
    episode = detector.current(state) if state else None
    verdicts: list[tuple[datetime, Verdict]] = []
    episodes: list[Episode] = []
    for start, window in windows:
        verdict = detector.step(start, window, state)
        state = verdict.state
        verdicts.append((start, verdict))
        episode = verdict.opened or episode
        if episode and verdict.ended:
            episodes.append(replace(episode, ending=verdict.ended))
            episode = None
    return verdicts, [*episodes, *([episode] if episode else [])]
