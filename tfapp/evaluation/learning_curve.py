"""A learning curve: the score by the number of labelled texts, and whether more of them pay."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LearningCurve"]

# A gain within two standard errors may be chance.
_ERRORS = 2.0


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy on dev of a logistic regression on frozen vectors, by the number of texts it was fitted to.

    Attributes:
        sizes: Texts fitted to: a quarter, half, and all of those looked at.
        scores: The accuracy of each; of a quarter and of half, the mean over their parts.
        gain_error: Standard error of the last gain, from half to all, over the dev texts.
        train_rows: Texts of the train split.
        dev_rows: Dev texts that were scored.
    """

    sizes: tuple[int, ...]
    scores: tuple[float, ...]
    gain_error: float
    train_rows: int
    dev_rows: int

    @property
    def gain(self) -> float:
        """Returns the gain in accuracy of the last doubling of the texts."""
        return self.scores[-1] - self.scores[-2]

    @property
    def pays(self) -> bool:
        """Returns whether the last gain is more than chance."""
        return self.gain > _ERRORS * self.gain_error

    def sentence(self) -> str:
        """Returns the curve's meaning in plain words."""
        half_size, full_size = self.sizes[-2:]
        part = "" if full_size == self.train_rows else f" (the first of {self.train_rows:,})"
        step = (
            f"from {half_size:,} to {full_size:,} labelled texts{part}, a logistic regression on the "
            f"untouched preset's vectors went from {100 * self.scores[-2]:.1f} % to {100 * self.scores[-1]:.1f} % on "
            f"{self.dev_rows:,} dev texts"
        )
        error = f"± {100 * _ERRORS * self.gain_error:.1f} points"
        if self.pays:
            return f"More labels pay: {step}, {100 * self.gain:.1f} points ({error}) by doubling them."
        return (
            f"More labels of the same kind are not shown to pay: {step}, {100 * self.gain:+.1f} points ({error}). Look "
            "at the mistakes and at the labels that are mixed up first."
        )
