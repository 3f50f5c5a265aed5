"""The suite itself: its options, what it skips, and its table."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from tests.conformance.capabilities import CAPABILITIES, parse_capabilities, skip_reason
from tests.conformance.command import EMBEDDED, parse_command

_HERE = Path(__file__).parent
_README = (_HERE / "README.md").read_text(encoding="utf-8")


def _tests() -> set[str]:
    """The names of all tests of the suite, as FILE::TEST."""
    return {
        f"{file.name}::{item.name}"
        for file in _HERE.glob("test_*.py")
        for item in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")
    }


def test_the_table_names_tests_that_exist_and_all_of_them() -> None:
    names = set(re.findall(r"`(test_\w+\.py::test_\w+)`", _README))
    own_tests = {name for name in _tests() if name.startswith("test_suite.py") or name.endswith("_is_left_out")}
    assert names == _tests() - own_tests


def test_the_readme_has_the_capabilities() -> None:
    assert dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", _README, re.MULTILINE)).items() >= CAPABILITIES.items()


def test_a_command_is_filled_in_and_the_flags_come_last() -> None:
    command = parse_command("serve '{model_config_file}' --at {port}:{rest_port} -v {folder}:{folder}")
    values = {"model_config_file": "/a b", "port": 1, "rest_port": 2, "folder": "/f"}
    assert command.fill(values, ["--x=1"]) == ["serve", "/a b", "--at", "1:2", "-v", "/f:/f", "--x=1"]
    assert command.names("rest_port")
    elsewhere = parse_command("serve {model_config_file} {flags} {port}")
    assert elsewhere.fill(values, ["--x=1", "--y"]) == ["serve", "/a b", "--x=1", "--y", "1"]
    assert not elsewhere.names("rest_port")
    assert parse_command(EMBEDDED).names("rest_port")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("serve {model_config_file} {port} {prot}", r"no placeholder \{prot\}; there are \{model_config_file\}"),
        ("serve {port}", "does not say where the model_config_file goes"),
        ("serve {model_config_file}", "does not say where the port goes"),
        ("serve {model_config_file} {port} --all={flags}", "must be a word of its own"),
        ("serve 'no end {model_config_file} {port}", "No closing quotation"),
    ],
)
def test_a_wrong_command_is_an_error(text: str, rule: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rule):
        parse_command(text)


def test_a_test_is_skipped_only_for_what_the_server_lacks() -> None:
    without = parse_capabilities("rest, batching-errors,")
    assert without == {"rest", "batching-errors"}
    assert skip_reason(["batching", "batching-errors", "rest"], without) == "without batching-errors, rest"
    assert skip_reason(["batching"], without) is None
    assert skip_reason([], without) is None


def test_an_unknown_capability_is_an_error() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no capability 'REST'; there are rest, "):
        parse_capabilities("REST")
    with pytest.raises(ValueError, match="no capability 'speed'"):
        skip_reason(["speed"], [])
