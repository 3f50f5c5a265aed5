from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest

from tests.serving.deployment import BASE, CONFIG, KUBERNETES, images, manifest, manifests, read_yaml, render

_SELECTED = {"app.kubernetes.io/name": "tfapp-serving"}
_NO_KUSTOMIZE = "neither kustomize nor kubectl is installed"


def _pod() -> dict[str, Any]:
    return dict(manifest("Deployment")["spec"]["template"]["spec"])


def _container() -> dict[str, Any]:
    (container,) = _pod()["containers"]
    return dict(container)


@pytest.mark.parametrize("name", manifests())
def test_a_manifest_keeps_to_the_schema(name: str) -> None:
    kubernetes_validate.validate(manifests()[name], "1.32", strict=True)
    kubernetes_validate.validate(manifests()[name], kubernetes_validate.latest_version(), strict=True)


def test_the_base_leaves_no_file_out_and_names_none_that_is_missing() -> None:
    resources = read_yaml(BASE / "kustomization.yaml")["resources"]
    assert {name for name in resources if name.endswith(".yaml")} | {"kustomization.yaml"} == {
        file.name for file in BASE.iterdir()
    }
    assert [name for name in resources if not (BASE / name).exists()] == []


def test_the_config_maps_hold_the_files_that_the_servers_read() -> None:
    maps = {item["name"]: item for item in read_yaml(CONFIG / "kustomization.yaml")["configMapGenerator"]}
    assert all((CONFIG / name).is_file() for item in maps.values() for name in item["files"])
    (volume,) = (volume for volume in _pod()["volumes"] if volume["name"] == "config")
    assert {source["configMap"]["name"] for source in volume["projected"]["sources"]} == set(maps)
    # What a server polls must not change its name, and what it reads at its start only must.
    stable = {name for name, item in maps.items() if item.get("options", {}).get("disableNameSuffixHash")}
    assert [maps[name]["files"] for name in stable] == [["models.config"]]
    assert {name for item in maps.values() for name in item["files"]} == {
        flag.rpartition("/")[2] for flag in _container()["args"] if "=/config/" in flag
    }


def test_all_select_the_same_pods() -> None:
    deployment = manifest("Deployment")["spec"]
    assert deployment["selector"]["matchLabels"] == _SELECTED
    assert _SELECTED.items() <= deployment["template"]["metadata"]["labels"].items()
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == _SELECTED
    assert manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == _SELECTED
    assert {name: item["spec"]["selector"] for name, item in manifests().items() if name.startswith("Service/")} == {
        "Service/tfapp-serving": _SELECTED,
        "Service/tfapp-serving-headless": _SELECTED,
    }
    target = manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "tfapp-serving")


def test_ports_by_name_exist_and_are_those_of_the_flags() -> None:
    ports = {port["name"]: port["containerPort"] for port in _container()["ports"]}
    assert {f"--port={ports['grpc']}", f"--rest_api_port={ports['rest']}"} <= set(_container()["args"])
    names = [port["targetPort"] for name in ("", "-headless") for port in _service(name)["ports"]]
    rules = [rule["port"] for ingress in manifest("NetworkPolicy")["spec"]["ingress"] for rule in ingress["ports"]]
    assert {*names, *rules} == set(ports)
    assert _container()["readinessProbe"]["grpc"]["port"] == ports["grpc"]
    port = manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"]
    assert int(port) == ports["rest"]


def test_clients_find_every_pod_by_the_headless_service() -> None:
    assert _service("-headless")["clusterIP"] == "None"
    assert [port["port"] for port in _service("-headless")["ports"]] == [8500]


def test_a_pod_that_goes_is_left_by_all_clients_first() -> None:
    arguments = next(flag for flag in _container()["args"] if flag.startswith("--grpc_channel_arguments="))
    age = int(dict(pair.split("=") for pair in arguments.partition("=")[2].split(","))["grpc.max_connection_age_ms"])
    sleep_seconds = _container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    # gRPC varies the age by a tenth; the rest is for DNS.
    assert sleep_seconds > 1.1 * age / 1000 + 5
    assert _pod()["terminationGracePeriodSeconds"] >= sleep_seconds + 30


def test_a_pod_is_confined_and_writes_nothing() -> None:
    security_context = _container()["securityContext"]
    assert security_context["readOnlyRootFilesystem"] is True
    assert security_context["allowPrivilegeEscalation"] is False
    assert security_context["capabilities"] == {"drop": ["ALL"]}
    assert _pod()["securityContext"]["runAsNonRoot"] is True
    assert {mount["name"] for mount in _container()["volumeMounts"] if not mount.get("readOnly")} == {"tmp"}
    assert {volume["name"] for volume in _pod()["volumes"]} == {m["name"] for m in _container()["volumeMounts"]}


def test_threads_follow_the_cores_that_it_may_use() -> None:
    container = _container()
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert {item["valueFrom"]["resourceFieldRef"]["resource"] for item in container["env"]} == {"limits.cpu"}
    cores = int(container["resources"]["limits"]["cpu"])
    assert f"num_batch_threads {{ value: {cores} }}" in (CONFIG / "batching.config").read_text(encoding="utf-8")


def test_kustomize_puts_the_image_and_the_config_in() -> None:
    objects = render(BASE)
    if objects is None:
        pytest.skip(_NO_KUSTOMIZE)
    deployment = objects["Deployment/tfapp-serving"]
    assert _containers(deployment)[0]["image"] == images()["TENSORFLOW_SERVING_IMAGE"]
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    config_maps = {source["configMap"]["name"] for v in volumes for source in v.get("projected", {}).get("sources", [])}
    assert config_maps == {name.partition("/")[2] for name in objects if name.startswith("ConfigMap/")}
    assert objects["ConfigMap/tfapp-serving-models"]["data"] == {
        "models.config": (CONFIG / "models.config").read_text(encoding="utf-8")
    }
    for document in objects.values():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_kustomize_takes_the_volume_out_of_a_baked_image(tmp_path_factory: pytest.TempPathFactory) -> None:
    # kustomize takes relative paths only.
    folder = tmp_path_factory.mktemp("overlay").resolve()
    up = "/".join([".."] * len(folder.relative_to("/").parts))
    (folder / "kustomization.yaml").write_text(
        f"resources: ['{up}{KUBERNETES}/base']\ncomponents: ['{up}{KUBERNETES}/baked']\n"
        "images: [{name: tensorflow/serving, newName: registry.example.com/news, newTag: '3'}]\n",
        encoding="utf-8",
    )
    objects = render(folder)
    if objects is None:
        pytest.skip(_NO_KUSTOMIZE)
    deployment = objects["Deployment/tfapp-serving"]
    (container,) = _containers(deployment)
    assert container["image"] == "registry.example.com/news:3"
    assert {mount["name"] for mount in container["volumeMounts"]} == {"config", "tmp"}
    assert {volume["name"] for volume in deployment["spec"]["template"]["spec"]["volumes"]} == {"config", "tmp"}
    assert not any(name.startswith("PersistentVolumeClaim/") for name in objects)


def _service(suffix: str) -> dict[str, Any]:
    return dict(manifest("Service", f"tfapp-serving{suffix}")["spec"])


def _containers(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return list(deployment["spec"]["template"]["spec"]["containers"])
