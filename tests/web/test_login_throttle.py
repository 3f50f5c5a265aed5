"""Tests how the login slows guesses down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.console_site import Site, log_in
from tests.web.conftest import LoginClock
from tfapp.web.login_throttle import LoginThrottle


def test_who_guesses_waits_longer_each_time_and_nobody_else_does(locked_site: Site, clock: LoginClock) -> None:
    guesser, visitor = locked_site.browser_at("198.51.100.7"), locked_site.browser_at("198.51.100.8")
    assert [log_in(guesser, "wrong horse").status_code for _ in range(5)] == [403] * 5
    for pause in (2, 4, 8):
        answer = log_in(guesser)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, str(pause))
        assert f"from your address. Wait {pause} seconds." in answer.text
        assert log_in(visitor).status_code == 303
        clock.now += pause
        assert log_in(guesser, "wrong horse").status_code == 403
    clock.now += 16
    assert log_in(guesser).status_code == 303
    assert log_in(guesser, "wrong horse").status_code == 403


def test_pauses_have_an_end_and_are_forgotten(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    for _ in range(200):
        clock.now += throttle.take("10.0.0.1")
        assert throttle.take("10.0.0.1") <= 900
    clock.now += 3601
    assert [throttle.take("10.0.0.1") for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_many_tries_at_once_are_no_way_around_a_pause(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(throttle.take, ["10.0.0.1"] * 200))
    assert waits.count(0) == 5


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [
        (["2001:db8::1", "2001:db8::ffff:1", "2001:db8::2%eth0"], 1),
        (["2001:db8::1", "2001:db8:0:1::1"], 2),
        (["10.0.0.1", "::ffff:10.0.0.1"], 1),
        (["10.0.0.1", "10.0.0.2", "", "testclient"], 4),
    ],
)
def test_an_address_stands_for_its_owner(addresses: list[str], networks: int, clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    for address in addresses:
        throttle.take(address)
    assert len(throttle) == networks


def test_so_many_addresses_are_remembered(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock, max_addresses=100)
    for number in range(1000):
        throttle.take(f"10.0.{number // 256}.{number % 256}")
    assert len(throttle) == 100
    clock.now += 3601
    throttle.take("10.0.0.1")
    assert len(throttle) == 1
