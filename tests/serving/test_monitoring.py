from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import promql_parser
import pytest

from tests.serving.deployment import CONFIG, DOCKER, compose, manifest, read_yaml
from tfapp.server.metrics import Metrics
from tfapp.server.settings_files import read_monitoring

_PATH = read_monitoring(CONFIG / "monitoring.config").path
_PROVISIONING = DOCKER / "grafana" / "provisioning"
_DASHBOARD: dict[str, Any] = json.loads((DOCKER / "grafana" / "dashboards" / "serving.json").read_text("utf-8"))
_PANELS: list[dict[str, Any]] = _DASHBOARD["panels"]
_RULES: list[dict[str, Any]] = read_yaml(DOCKER / "prometheus" / "alerts.yaml")["groups"][0]["rules"]
_TARGETS = [
    pytest.param(target, id=f"{panel['title']} {target['refId']}") for panel in _PANELS for target in panel["targets"]
]


def _exported() -> dict[str, set[str]]:
    """The labels of every series that the server exports; they are TensorFlow Serving's."""
    found = {"up": {"job", "instance"}}
    for family in vars(Metrics()).values():
        name, labels = getattr(family, "_name", None), getattr(family, "_labels", ())
        if name is not None:
            found[name] = {*labels, "instance"}
            found[f"{name}_bucket"] = {*labels, "instance", "le"}
    return found


def _labels_used(expression: str) -> set[str]:
    matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    grouped = [name for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")]
    return {name.strip() for name in (*matched, *grouped)}


def _check(expression: str) -> None:
    filled = expression.replace("$__rate_interval", "5m").replace("$model", ".*").replace("$instance", ".*")
    promql_parser.parse(filled)
    exported = _exported()
    used = set(re.findall(r"(?:(?<=[(\s])|^):?[a-z][\w:]*(?=[{\[])", filled))
    assert used
    assert used <= exported.keys()
    assert _labels_used(filled) <= set().union(*(exported[name] for name in used))


@pytest.mark.parametrize("target", _TARGETS)
def test_a_panel_asks_for_what_the_servers_export(target: dict[str, Any]) -> None:
    _check(target["expr"])
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= _labels_used(target["expr"])


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in _RULES])
def test_an_alert_asks_for_what_the_servers_export(rule: dict[str, Any]) -> None:
    _check(rule["expr"])
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= _labels_used(rule["expr"]) | {
        "instance"
    }


def test_the_check_finds_wrong_names_labels_and_syntax() -> None:
    for wrong in ("rate(:tensorflow:serving:no_such_count[5m])", "sum by (nobody) (rate(up[5m]))"):
        with pytest.raises(AssertionError):
            _check(wrong)
    with pytest.raises(ValueError, match="unclosed"):
        _check("sum(rate(up[5m])")


@pytest.mark.parametrize("panel", [pytest.param(panel, id=panel["title"]) for panel in _PANELS])
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["description"].endswith(".")
    assert defaults["thresholds"]["steps"][0]["value"] is None
    microseconds = any("latency" in target["expr"] for target in panel["targets"])
    assert defaults["unit"] == "µs" if microseconds else defaults["unit"] in {"none", "reqps", "percentunit"}


def test_panels_have_their_own_places_and_numbers() -> None:
    assert len({panel["id"] for panel in _PANELS}) == len(_PANELS)
    for one, other in combinations([panel["gridPos"] for panel in _PANELS], 2):
        apart = any(
            one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at]
            for at, size in (("x", "w"), ("y", "h"))
        )
        assert apart, (one, other)


def test_the_dashboard_shows_what_an_operator_asks_for() -> None:
    shown = " ".join(target["expr"] for panel in _PANELS for target in panel["targets"])
    for part in (
        *("request_count", "status", "request_latency_bucket", "model_name, entrypoint", "queuing_latency_bucket"),
        *("load_attempt_count", "0.5,", "0.95,", "0.99,"),
    ):
        assert part in shown, part


def test_variables_that_panels_use_are_defined() -> None:
    used = {name for panel in _PANELS for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])}
    assert used - {"__rate_interval"} == {variable["name"] for variable in _DASHBOARD["templating"]["list"]}


def test_all_read_from_the_provisioned_data_source() -> None:
    (source,) = read_yaml(_PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    named = set(re.findall(r'"uid": "(\w+)"', json.dumps([_PANELS, _DASHBOARD["templating"]])))
    assert named == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert any(port.endswith(":9090") for port in compose()["services"]["prometheus"]["ports"])


def test_grafana_finds_the_dashboard() -> None:
    (provider,) = read_yaml(_PROVISIONING / "dashboards" / "files.yaml")["providers"]
    grafana = compose()["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert (
        grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        == f"{provider['options']['path']}/serving.json"
    )


def test_prometheus_reads_the_page_where_it_is() -> None:
    config = read_yaml(DOCKER / "prometheus" / "prometheus.yaml")
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == _PATH
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["serving"]
    assert f"--rest_api_port={found['port']}" in compose()["services"]["serving"]["command"]
    assert [name for name in config["rule_files"] if not (DOCKER / "prometheus" / name).is_file()] == []
    assert job["job_name"] in json.dumps(_PANELS)


def test_the_health_check_and_the_pods_annotation_name_the_page() -> None:
    assert f"GET {_PATH} " in " ".join(compose()["services"]["serving"]["healthcheck"]["test"])
    annotations = manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == _PATH
