"""The container, the compose file, the service and the Kubernetes example say what RiffBot knows.

They are read, not run: Docker, a cluster and a booted systemd are not needed.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from riffbot.commands.parser import build_parser
from riffbot.errors import BadRequest
from riffbot.locations import ROOT
from riffbot.process import STOP_S
from riffbot.settings import Settings

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
UNIT = (ROOT / "deploy" / "riffbot.service").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
KUBERNETES = {
    document["kind"]: document
    for document in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text("utf-8"))
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ENV_EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

STATE = "/var/lib/riffbot"
PAGE_PORT = 8765
USER = 10001

ALL = {
    "Dockerfile": DOCKERFILE,
    **{
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in (ROOT / "compose.yaml", *sorted((ROOT / "deploy").glob("*.*")))
    },
}
NOT_SETTINGS = {"RIFFBOT_IMAGE"}
"""What only compose.yaml reads: the image's tag."""


def instructions(name: str) -> list[str]:
    """What follows an instruction's name in the Dockerfile, continued lines joined."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    return re.findall(rf"^{name} (.*)$", re.sub(r"\\\n\s*", " ", text), re.MULTILINE)


def image_environment() -> dict[str, str]:
    last = instructions("ENV")[-1]
    return dict(pair.split("=", 1) for pair in shlex.split(last))


def unit_values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def container() -> dict[str, Any]:
    found: dict[str, Any] = KUBERNETES["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


# -- settings, commands and versions ---------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_setting_that_is_named_exists(name: str) -> None:
    documented = set(re.findall(r"^# ((?:RIFFBOT|DISCORD)_[A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    named = set(re.findall(r"\b((?:RIFFBOT|DISCORD)_[A-Z_]+)\b", ALL[name]))
    assert named - documented <= NOT_SETTINGS


@pytest.mark.parametrize(
    "given",
    [
        image_environment(),
        {k: v for k, v in COMPOSE["services"]["riffbot"]["environment"].items() if "$" not in v},
        KUBERNETES["ConfigMap"]["data"],
        dict(pair.split("=", 1) for line in unit_values("Environment") for pair in line.split()),
    ],
    ids=["Dockerfile", "compose", "Kubernetes", "systemd"],
)
def test_the_settings_are_valid(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    Settings(_env_file=None)


def commands() -> Iterator[list[str]]:
    """Every command of RiffBot's that a file runs, without the program's name."""
    yield re.findall(r'"([^"]+)"', instructions("HEALTHCHECK")[0])[1:]
    yield COMPOSE["services"]["backup"]["command"]
    for line in unit_values("ExecStart"):
        yield line.split()[1:]


def test_every_command_is_one() -> None:
    found = list(commands())
    assert ["health", "--live"] in found
    for arguments in found:
        build_parser().parse_args(arguments)


def test_the_parser_refuses_what_is_no_command() -> None:
    with pytest.raises((SystemExit, BadRequest)):
        build_parser().parse_args(["healthy"])


def test_the_images_python_is_the_one_that_is_tested() -> None:
    assert instructions("ARG")[0] == f"PYTHON={PROJECT['tool']['mypy']['python_version']}"
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_what_the_image_installs_is_pinned_and_exists() -> None:
    pinned = (ROOT / "constraints.txt").read_text("utf-8")
    assert re.search(r"^torch==\S+$", pinned, re.MULTILINE)
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(re.findall(r"\)\[(\w+)\]", DOCKERFILE)) <= set(extras)
    for line in instructions("RUN"):
        if "pip install" in line:
            assert "constraints.txt" in line


# -- the image -------------------------------------------------------------------------------------


def test_the_image_has_two_stages_and_another_user_than_root() -> None:
    assert len(instructions("FROM")) == 2
    assert instructions("USER") == [f"{USER}:{USER}"]
    assert f"--uid {USER}" in DOCKERFILE
    assert instructions("ENTRYPOINT") == ['["riffbot"]']


def test_everything_that_is_written_lies_in_the_volume() -> None:
    given = image_environment()
    assert instructions("VOLUME") == [STATE]
    assert instructions("WORKDIR")[-1] == STATE
    assert given["XDG_DATA_HOME"] == str(Path(STATE).parent)
    assert given["HOME"] == STATE
    assert Path(given["XDG_CACHE_HOME"]).is_relative_to(STATE)


def test_no_settings_and_no_data_reach_the_build() -> None:
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"  # what is not named stays outside
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert not allowed & {".env", ".git", "data", "out", "tests"}
    assert "**/.env" in rules
    sources = {*PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], "web"}
    bundled = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    sources |= {Path(name).parts[0] for name in bundled}
    assert sources | {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} == allowed


# -- one port, one folder, one way to stop ---------------------------------------------------------


def test_all_mean_the_same_port_folder_and_user() -> None:
    assert instructions("EXPOSE") == [str(PAGE_PORT)]
    assert image_environment()["RIFFBOT_WEB_PORT"] == str(PAGE_PORT)
    assert f"RIFFBOT_WEB_PORT={PAGE_PORT}" in unit_values("Environment")[0].split()
    services = COMPOSE["services"]
    assert services["riffbot"]["environment"]["RIFFBOT_WEB_PORT"] == str(PAGE_PORT)
    assert services["riffbot"]["ports"][0].endswith(f":{PAGE_PORT}")
    for service in (services["riffbot"], services["backup"]):
        assert f"data:{STATE}" in service["volumes"]
        assert service["user"] == f"{USER}:{USER}"
    assert container()["ports"] == [{"name": "page", "containerPort": PAGE_PORT}]
    assert {"name": "data", "mountPath": STATE} in container()["volumeMounts"]
    monitoring = ROOT / "deploy" / "monitoring"
    assert f"riffbot:{PAGE_PORT}" in (monitoring / "compose-prometheus.yml").read_text("utf-8")
    assert f"127.0.0.1:{PAGE_PORT}" in (monitoring / "prometheus.yml").read_text("utf-8")


def test_each_waits_for_an_orderly_stop() -> None:
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert int(COMPOSE["services"]["riffbot"]["stop_grace_period"].removesuffix("s")) > STOP_S
    assert int(unit_values("TimeoutStopSec")[0]) > STOP_S
    pod = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > STOP_S


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/riffbot.service", "deploy/kubernetes.yaml"])
def test_each_says_how_long_an_orderly_stop_takes(name: str) -> None:
    told = re.findall(r"stop takes up to (\d+) seconds", (ROOT / name).read_text("utf-8"))
    assert told == [f"{STOP_S:.0f}"]


def test_the_page_is_published_on_the_host_alone() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert KUBERNETES["Service"]["spec"]["type"] == "ClusterIP"


def test_every_file_that_is_mounted_exists() -> None:
    for service in COMPOSE["services"].values():
        for mounted in service.get("volumes", []):
            source = mounted.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source


# -- as little as possible may be done -------------------------------------------------------------


def test_compose_gives_up_what_is_not_needed() -> None:
    for name in ("riffbot", "backup"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_kubernetes_gives_up_what_is_not_needed() -> None:
    spec = KUBERNETES["Deployment"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    pod = spec["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == USER
    held = container()["securityContext"]
    assert held["readOnlyRootFilesystem"] is True
    assert held["allowPrivilegeEscalation"] is False
    assert held["capabilities"] == {"drop": ["ALL"]}
    assert container()["resources"]["limits"].keys() >= {"memory"}


def test_kubernetes_probes_are_addresses_of_the_page() -> None:
    source = (ROOT / "riffbot" / "web" / "routes" / "health.py").read_text("utf-8")
    served = set(re.findall(r'@routes\.get\("([^"]+)"\)', source))
    asked = {
        container()[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {"/livez", "/readyz"}
    assert asked | {"/metrics"} <= served
    names = KUBERNETES["Service"]["spec"]["selector"]
    labels = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert names.items() <= labels.items()


@pytest.mark.parametrize(
    "line",
    [
        "User=riffbot",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
        "StateDirectory=riffbot",
        "KillSignal=SIGTERM",
        "SystemCallFilter=@system-service",
    ],
)
def test_the_service_gives_up_what_is_not_needed(line: str) -> None:
    assert line in UNIT.splitlines()


def test_the_service_leaves_the_decoder_its_own_limits() -> None:
    """The decoder of strangers' files makes namespaces and uses Landlock (decoder_limits.py)."""
    assert unit_values("RestrictNamespaces") == ["user net ipc"]
    assert any("landlock_restrict_self" in value for value in unit_values("SystemCallFilter"))
    assert "MemoryDenyWriteExecute=yes" not in UNIT  # numba compiles at run time
