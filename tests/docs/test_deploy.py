"""The files of ``deploy`` are well-formed and fit one another: names, ports, variables, images."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT, text_of

DEPLOY = ROOT / "deploy"
CONFIGURATIONS = sorted((DEPLOY / "clickhouse").glob("*.xml"))


def xml(name: str) -> ElementTree.Element:
    return ElementTree.parse(DEPLOY / "clickhouse" / name).getroot()


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of(DEPLOY / "compose.yaml"))["services"]
    return found


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text_of(DEPLOY / "kubernetes.yaml")))


def pod(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """Return the specification of the pods of *manifest*, if it makes any."""
    if manifest["kind"] == "CronJob":
        return dict(manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    return dict(manifest["spec"]["template"]["spec"]) if "template" in manifest["spec"] else None


def hosts() -> list[list[str]]:
    """Return the nodes, shard by shard, as every node knows them."""
    shards = xml("cluster.xml").findall("remote_servers/session_buddy/shard")
    return [[str(host.text) for host in shard.findall("replica/host")] for shard in shards]


def test_two_shards_of_two_replicas() -> None:
    assert [len(shard) for shard in hosts()] == [2, 2]
    assert len({host for shard in hosts() for host in shard}) == 4


def test_every_node_of_the_configuration_is_a_service_of_compose_and_knows_its_place(services: dict[str, Any]) -> None:
    for shard, replicas in enumerate(hosts()):
        for replica, host in enumerate(replicas):
            service = services[host.partition(".")[0]]
            assert service["networks"]["default"]["aliases"] == [host]
            given = service["environment"]
            assert (given["NODE_NAME"], given["SHARD"], given["REPLICA"]) == (host, str(shard), str(replica))


def test_every_keeper_is_known_by_its_number(services: dict[str, Any], manifests: list[dict[str, Any]]) -> None:
    members = xml("keeper.xml").findall("keeper_server/raft_configuration/server")
    named = {str(member.findtext("hostname")): str(member.findtext("id")) for member in members}
    known = {str(host.text) for host in xml("cluster.xml").findall("zookeeper/node/host")}
    told = {
        alias: service["environment"]["KEEPER_ID"]
        for name, service in services.items()
        if name.startswith("keeper-")
        for alias in service["networks"]["default"]["aliases"]
    }
    assert named == told
    assert known == set(named) == {f"keeper-{number}.keeper" for number in range(3)}
    assert [
        m["spec"]["replicas"] for m in manifests if m["metadata"]["name"] == "keeper" and "replicas" in m["spec"]
    ] == [3]


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: file.name)
def test_every_variable_of_the_configuration_is_given(
    file: Path, services: dict[str, Any], manifests: list[dict[str, Any]]
) -> None:
    wanted = {element.get("from_env") for element in xml(file.name).iter()} - {None}
    prefix = "keeper" if file.name == "keeper.xml" else "clickhouse"
    for name, service in services.items():
        if name.startswith(f"{prefix}-"):
            assert wanted <= set(service["environment"])
    (stateful,) = [m for m in manifests if m["kind"] == "StatefulSet" and m["metadata"]["name"] == prefix]
    (container,) = pod(stateful)["containers"]  # type: ignore[index]
    exported = set(re.findall(r"(\w+)=\$", container["command"][-1]))
    assert wanted <= exported | {variable["name"] for variable in container.get("env", [])}


def test_every_file_that_is_mounted_exists(services: dict[str, Any]) -> None:
    page = yaml.safe_load(text_of(DEPLOY / "compose.yaml"))
    assert all((DEPLOY / config["file"]).is_file() for config in page["configs"].values())
    used = {config["source"] for service in services.values() for config in service.get("configs", [])}
    assert used == page["configs"].keys()
    volumes = {text.partition(":")[0] for service in services.values() for text in service["volumes"]}
    assert {name for name in volumes if re.fullmatch(r"[\w-]+", name)} == page["volumes"].keys()
    build = services["session-buddy"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_kubernetes_mounts_what_kustomize_makes(manifests: list[dict[str, Any]]) -> None:
    kustomization = yaml.safe_load(text_of(DEPLOY / "kustomization.yaml"))
    made: dict[str, set[str]] = {}
    for config in kustomization["configMapGenerator"]:
        files = [text.rpartition("=")[2] for text in config["files"]]
        assert all((DEPLOY / file).is_file() for file in files)
        made[config["name"]] = {text.partition("=")[0].rpartition("/")[2] for text in config["files"]}
    assert kustomization["resources"] == ["kubernetes.yaml"]
    mounted: dict[str, set[str]] = {}
    for specification in filter(None, map(pod, manifests)):
        maps = {
            volume["name"]: volume["configMap"]["name"] for volume in specification["volumes"] if "configMap" in volume
        }
        for container in specification["containers"]:
            for mount in container["volumeMounts"]:
                if mount["name"] in maps:
                    mounted.setdefault(maps[mount["name"]], set()).add(mount["subPath"])
    assert mounted == made


def test_what_kubernetes_objects_refer_to_is_there(manifests: list[dict[str, Any]]) -> None:
    labels = [m["spec"]["template"]["metadata"]["labels"] for m in manifests if m["kind"] == "StatefulSet"]
    names = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    assert len(names) == len(manifests)
    for manifest in manifests:
        specification = manifest["spec"]
        if manifest["kind"] == "Service":
            assert specification["selector"] in labels
        elif manifest["kind"] == "PodDisruptionBudget":
            assert specification["selector"]["matchLabels"] in labels
        elif manifest["kind"] == "StatefulSet":
            assert specification["selector"]["matchLabels"] == specification["template"]["metadata"]["labels"]
            assert ("Service", specification["serviceName"]) in names
        for made in filter(None, [pod(manifest)]):
            offered = {v["name"] for v in made["volumes"]}
            offered |= {claim["metadata"]["name"] for claim in specification.get("volumeClaimTemplates", [])}
            for volume in made["volumes"]:
                claim = volume.get("persistentVolumeClaim", {}).get("claimName")
                assert claim is None or ("PersistentVolumeClaim", claim) in names
            assert {mount["name"] for container in made["containers"] for mount in container["volumeMounts"]} <= offered


def test_compose_and_kubernetes_run_the_same_images(services: dict[str, Any], manifests: list[dict[str, Any]]) -> None:
    composed = {service["image"] for service in services.values() if "image" in service}
    run = {container["image"] for made in filter(None, map(pod, manifests)) for container in made["containers"]}
    assert run - composed == {"session-buddy:0.1.0"}
    assert composed <= run
    assert len({image.rpartition(":")[2] for image in composed}) == 1


def test_the_store_is_named_alike_everywhere(services: dict[str, Any], manifests: list[dict[str, Any]]) -> None:
    composed = services["session-buddy"]["environment"]
    (job,) = [m for m in manifests if m["kind"] == "CronJob"]
    environment = {v["name"]: v.get("value") for v in pod(job)["containers"][0]["env"]}  # type: ignore[index]
    (cluster,) = list(xml("cluster.xml").find("remote_servers"))  # type: ignore[arg-type]
    assert composed["CLICKHOUSE_CLUSTER"] == environment["CLICKHOUSE_CLUSTER"] == cluster.tag
    for url in (composed["SESSION_BUDDY_STORE"], environment["SESSION_BUDDY_STORE"]):
        assert re.fullmatch(r"clickhouse://session_buddy:\$[({]CLICKHOUSE_PASSWORD[)}]@[\w-]+:8123/session_buddy", url)
