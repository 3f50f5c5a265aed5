from __future__ import annotations

import re
import shlex

import typer
from tfapp_client.arguments import parse_arguments

from tests.serving.deployment import CONFIG, DOCKER, ROOT, compose, manifest
from tfapp.cli.app import app

_PAGE = (ROOT / "serving" / "README.md").read_text(encoding="utf-8")
_COMMANDS = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", _PAGE, re.DOTALL)
    for line in block.splitlines()
]


def test_what_it_links_to_exists() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", _PAGE) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / "serving" / target).exists()] == []


def test_the_client_takes_the_address_of_the_headless_service() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    names["client"].close()  # type: ignore[attr-defined]
    service = manifest("Service", "tfapp-serving-headless")
    assert f'"dns:///{service["metadata"]["name"]}:{service["spec"]["ports"][0]["port"]}"' in block


def test_the_commands_are_understood() -> None:
    for line in _COMMANDS:
        words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
        if words[0] == "tfapp":
            command, rest = typer.main.get_command(app), words[1:]
            while hasattr(command, "commands"):
                command, rest = command.commands[rest[0]], rest[1:]
            command.make_context(words[1], rest).close()
        if words[0] == "tfapp-client":
            parse_arguments(words[1:])
        if "--file" in words:
            assert (ROOT / words[words.index("--file") + 1]).is_file()
        if "--kustomize" in words:
            assert (ROOT / words[words.index("--kustomize") + 1] / "kustomization.yaml").is_file()


def test_the_numbers_are_those_of_the_files() -> None:
    batching = (CONFIG / "batching.config").read_text(encoding="utf-8")
    for name, value in re.findall(r"\| `(\w+)` \| (\d+) \|", _PAGE):
        assert f"{name} {{ value: {value} }}" in batching
    for name, value in re.findall(r"\| `(--\w+)` \| `?([\w.=]+)`? \|", _PAGE):
        assert any(flag.startswith(f"{name}={value}") for flag in compose()["services"]["serving"]["command"]), name


def test_the_variables_of_compose_exist() -> None:
    variables = set(re.findall(r"`(MODELS|BIND|[A-Z]+_(?:CPUS|MEMORY|IMAGE))`", _PAGE)) | {"BAKED_IMAGE"}
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert variables == set(re.findall(r"\$\{(\w+):-", text))
