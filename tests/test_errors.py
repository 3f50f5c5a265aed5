"""The error tree and the end of a message about an unknown name."""

from __future__ import annotations

import inspect

from hypothesis import given
from hypothesis import strategies as st

from tfapp import errors
from tfapp.errors import TfappError, did_you_mean


def test_every_error_is_one_that_a_command_reports() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert len(kinds) == 12
    assert all(issubclass(kind, TfappError) for kind in kinds)
    # The tree in the docstring is what there is.
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(errors.__all__)


def test_the_nearest_name_is_offered() -> None:
    assert did_you_mean("epocs", ["seed", "epochs", "steps"]) == '; did you mean "epochs"?'
    assert did_you_mean("zzz", ["seed", "epochs"]) == "; known: epochs, seed"
    assert did_you_mean("zzz", []) == ""


def test_a_long_list_is_cut() -> None:
    message = did_you_mean("zzz", [f"name-{number:02}" for number in range(20)])
    assert message.startswith("; known: name-00, name-01")
    assert message.endswith("name-11 and 8 more")


@given(name=st.text(), choices=st.sets(st.text(min_size=1), min_size=1))
def test_what_is_offered_exists(name: str, choices: set[str]) -> None:
    end = did_you_mean(name, choices)
    if end.startswith('; did you mean "'):
        assert end.removeprefix('; did you mean "').removesuffix('"?') in choices
    else:
        assert end.startswith("; known: ")
        assert name not in choices
