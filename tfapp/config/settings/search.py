"""Defines the section `[search]`: which values of which settings `tfapp search` tries."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from tfapp.config.settings.base import Settings

__all__ = ["ChoiceSettings", "RangeSettings", "SearchSettings"]


class SearchSettings(Settings):
    """The space of a search: ranges or lists of values, by the settings' names, such as `learning_rate`.

    `tfapp.config.search_space` reads it, since which names there are depends on the task.
    """

    model_config = ConfigDict(extra="allow")


class _DimensionSettings(Settings):
    """The base class of ranges and lists of values."""

    when: dict[str, Any] = Field(
        {}, description="Values of other settings, such as { adapt = 'lora' }, without which this one is not searched."
    )


class RangeSettings(_DimensionSettings):
    """A range of numbers, whole ones where the setting is."""

    low: int | float = Field(description="The lowest value.")
    high: int | float = Field(description="The highest value.")
    log: bool = Field(False, description="Whether each order of magnitude is tried as often as another.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be under high, got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"with log, low must be over 0, got {self.low:g}")
        return self


class ChoiceSettings(_DimensionSettings):
    """Some values, each of which is tried."""

    values: tuple[Any, ...] = Field(min_length=1, description="The values.")
