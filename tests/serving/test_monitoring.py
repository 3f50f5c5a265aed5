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


def _exported_labels() -> dict[str, set[str]]:
    """The labels of every series that the server exports; they are TensorFlow Serving's."""
    labels_by_name = {"up": {"job", "instance"}}
    for family in vars(Metrics()).values():
        name, labels = getattr(family, "_name", None), getattr(family, "_labels", ())
        if name is not None:
            labels_by_name[name] = {*labels, "instance"}
            labels_by_name[f"{name}_bucket"] = {*labels, "instance", "le"}
    return labels_by_name


def _labels_used(expression: str) -> set[str]:
    matchers = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    groups = [name for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")]
    return {name.strip() for name in (*matchers, *groups)}


def _check(expression: str) -> None:
    query = expression.replace("$__rate_interval", "5m").replace("$model", ".*").replace("$instance", ".*")
    promql_parser.parse(query)
    labels_by_name = _exported_labels()
    names = set(re.findall(r"(?:(?<=[(\s])|^):?[a-z][\w:]*(?=[{\[])", query))
    assert names
    assert names <= labels_by_name.keys()
    assert _labels_used(query) <= set().union(*(labels_by_name[name] for name in names))


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
    for expression in ("rate(:tensorflow:serving:no_such_count[5m])", "sum by (nobody) (rate(up[5m]))"):
        with pytest.raises(AssertionError):
            _check(expression)
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
    for panel, neighbour in combinations([panel["gridPos"] for panel in _PANELS], 2):
        is_apart = any(
            panel[at] + panel[size] <= neighbour[at] or neighbour[at] + neighbour[size] <= panel[at]
            for at, size in (("x", "w"), ("y", "h"))
        )
        assert is_apart, (panel, neighbour)


def test_the_dashboard_shows_what_an_operator_asks_for() -> None:
    expressions = " ".join(target["expr"] for panel in _PANELS for target in panel["targets"])
    for part in (
        *("request_count", "status", "request_latency_bucket", "model_name, entrypoint", "queuing_latency_bucket"),
        *("load_attempt_count", "0.5,", "0.95,", "0.99,"),
    ):
        assert part in expressions, part


def test_variables_that_panels_use_are_defined() -> None:
    names = {
        name for panel in _PANELS for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])
    }
    assert names - {"__rate_interval"} == {variable["name"] for variable in _DASHBOARD["templating"]["list"]}


def test_all_read_from_the_provisioned_data_source() -> None:
    (source,) = read_yaml(_PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    uids = set(re.findall(r'"uid": "(\w+)"', json.dumps([_PANELS, _DASHBOARD["templating"]])))
    assert uids == {source["uid"]}
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
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == ["serving"]
    assert f"--rest_api_port={discovery['port']}" in compose()["services"]["serving"]["command"]
    assert [name for name in config["rule_files"] if not (DOCKER / "prometheus" / name).is_file()] == []
    assert job["job_name"] in json.dumps(_PANELS)


def test_the_health_check_and_the_pods_annotation_name_the_page() -> None:
    assert f"GET {_PATH} " in " ".join(compose()["services"]["serving"]["healthcheck"]["test"])
    annotations = manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == _PATH
