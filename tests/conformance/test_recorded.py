"""Every recorded case, asked again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.recorded import check_grpc, check_rest, parameters, recorded_cases
from tests.conformance.rest import ask
from tests.conformance.suite import TestedServer

_CASES = recorded_cases()
_FIRST_RELOAD = next(at for at, case in enumerate(_CASES) if case["case"].startswith("reload"))
_GRPC = [case for case in _CASES[:_FIRST_RELOAD] if "method" in case]
_REST = [case for case in _CASES[:_FIRST_RELOAD] if "path" in case]
_RELOADS = {case["case"]: case for case in _CASES[_FIRST_RELOAD:]}
# Unloading goes on in the background, so the recorded answers to the last of them depend on when they were asked.
_TIMED = ("reload, words gone", "predict, model taken away", "reload, words back", "predict, model back")


@pytest.mark.parametrize("case", parameters(_GRPC))
def test_grpc(main: TestedServer, case: dict[str, Any]) -> None:
    check_grpc(case, main.calls.channel, main.models)


@pytest.mark.needs("tls")
@pytest.mark.parametrize("case", parameters(_GRPC))
def test_grpc_encrypted_and_without_batches(tls: TestedServer, case: dict[str, Any]) -> None:
    check_grpc(case, tls.calls.channel, tls.models)


@pytest.mark.needs("rest")
@pytest.mark.parametrize("case", parameters(_REST))
def test_rest(main: TestedServer, case: dict[str, Any]) -> None:
    check_rest(case, ask(main.rest_port, case["verb"], case["path"], case["body"]))


@pytest.mark.needs("reload")
@pytest.mark.parametrize("case", parameters([case for name, case in _RELOADS.items() if name not in _TIMED]))
def test_reload(reset_server: TestedServer, case: dict[str, Any]) -> None:
    check_grpc(case, reset_server.calls.channel, reset_server.models)
    assert reset_server.calls.available("numbers") == {2, 3}
    assert reset_server.calls.available("words") == {1}


@pytest.mark.needs("reload")
def test_reload_takes_a_model_away_and_back(reset_server: TestedServer) -> None:
    channel = reset_server.calls.channel

    def answers(name: str, like: str) -> None:
        case = {**_RELOADS[name], **{key: _RELOADS[like].get(key) for key in ("code", "message", "answer")}}
        check_grpc({key: value for key, value in case.items() if value is not None}, channel, reset_server.models)

    answers("reload, words gone", like="reload, words gone")
    reset_server.wait_for(lambda: reset_server.calls.states("words").get(1, "END") == "END")
    answers("predict, model taken away", like="predict, model back")
    try:
        answers("reload, words back", like="reload, words gone")
    except AssertionError:
        # The recorded one: the server took the old version's end for the new one's.
        answers("reload, words back", like="reload, words back")
    reset_server.wait_until_available("words", 1)
    answers("predict, model back", like="predict, model taken away")


def test_no_case_is_left_out() -> None:
    cases = [*_GRPC, *_REST, *_CASES[_FIRST_RELOAD:]]
    rest = [case["case"] for case in _CASES if case not in cases]
    assert (len(_CASES), rest) == (100, ["REST metrics"])
