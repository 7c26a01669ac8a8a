"""`airgap import --mirror-config`: runtimes pull by the names of the sources, and ask only the site's registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airgap.oci.reference import RegistryReference
from airgap.transfer.mirror_config import MirrorConfig
from tests.copy.test_import import import_, stick
from tests.support.clock import set_clock
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.tools import needed

HOSTS = "containerd/certs.d/{}/hosts.toml"


def config(*moved: tuple[str, str], plain_http: bool = False) -> MirrorConfig:
    def repository(name: str) -> RegistryReference:
        host, _, path = name.partition("/")
        return RegistryReference(registry=host, repository=path)

    return MirrorConfig.of([(repository(one), repository(other)) for one, other in moved], plain_http=plain_http)


def test_one_rule_for_a_host_whose_paths_stay() -> None:
    made = config(("r.example/a/b", "site.example/a/b"), ("r.example/c", "site.example/c"))
    assert 'server = "https://site.example"\n' in made.files[HOSTS.format("r.example")]
    assert made.files["containers/registries.conf"].endswith(
        '\n[[registry]]\nprefix = "r.example"\nlocation = "site.example"\n'
    )
    assert "rewrite" not in made.files["k3s/registries.yaml"]
    assert 'source: "r.example"\n    mirrors:\n    - "site.example"\n' in made.files["openshift/ImageTagMirrorSet.yaml"]
    assert not made.notes


def test_a_prefix_and_a_port() -> None:
    made = config(("r.example:5000/a", "site.example:8443/in/r.example-5000/a"))
    hosts = made.files[HOSTS.format("r.example_5000_")]
    assert hosts.count('"https://site.example:8443/v2/in/r.example-5000"') == hosts.count("override_path = true") == 2
    assert '      "^(.*)$": "in/r.example-5000/$1"\n' in made.files["k3s/registries.yaml"]


@pytest.mark.parametrize(
    "moved",
    [
        [("r.example/team/web", "site.example/apps/web"), ("r.example/lab/db", "site.example/data")],
        [("r.example/team/web", "site.example/all"), ("r.example/lab/db", "site.example/all")],
        # the last part of the name alone is not the path
        [("r.example/team/web", "site.example/web"), ("r.example/web", "site.example/other")],
    ],
)
def test_a_rule_for_each_repository_where_paths_change(moved: list[tuple[str, str]]) -> None:
    made = config(*moved)
    assert not [name for name in made.files if name.startswith("containerd")]
    assert "containerd has one place for a host, and the repositories of r.example have several" in made.notes[0]
    for source, place in moved:
        assert f'prefix = "{source}"\nlocation = "{place}"\n' in made.files["containers/registries.conf"]
        path = source.partition("/")[2].replace(".", r"\\.")
        assert f'"^{path}$": "{place.partition("/")[2]}"' in made.files["k3s/registries.yaml"]


def test_nothing_imported_is_nothing_written(tmp_path: Path) -> None:
    made = config()
    made.write(tmp_path / "folder")
    assert (made.files, list(tmp_path.iterdir())) == ({}, [])


@pytest.fixture
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


@pytest.mark.usefixtures("_then")
def test_replaces_only_what_an_import_wrote(tmp_path: Path, target: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    folder = tmp_path / "etc"
    for _ in range(2):
        assert import_(written, "--mirror-config", folder, written.layout, target.host).code == 0
    other = folder / "containers" / "registries.conf"
    other.write_text('unqualified-search-registries = ["x"]\n')
    (folder / HOSTS.format("registry.example")).unlink()
    ran = import_(written, "--mirror-config", folder, written.layout, target.host)
    assert (ran.code, "was not written by an import" in ran.err) == (2, True), ran
    assert ran.out.startswith("IMPORTED: 2 artifacts")
    assert not (folder / HOSTS.format("registry.example")).exists()
    other.unlink()
    other.symlink_to("/etc/passwd")
    assert import_(written, "--mirror-config", folder, written.layout, target.host).code == 2
    inside = import_(written, "--mirror-config", written.trust / "x", written.layout, target.host)
    assert inside.code == 2
    nothing = import_(written, "--dry-run", "--mirror-config", tmp_path / "none", written.layout, target.host)
    assert (nothing.code, (tmp_path / "none").exists()) == (0, False)


@contextmanager
def containerd(folder: Path) -> Iterator[Path]:
    """The socket of a containerd of its own."""
    program = needed("containerd")
    socket = folder / "c.sock"
    off = [f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")]
    (folder / "config.toml").write_text(
        f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = {json.dumps(["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", *off])}
[grpc]
address = "{socket}"
[ttrpc]
address = "{folder}/t.sock"
"""
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "--config", str(folder / "config.toml")], stdout=log, stderr=log)
        try:
            for _ in range(300):
                if ctr(socket, "version").returncode == 0:
                    break
                assert process.poll() is None, (folder / "log").read_text()
            else:
                raise AssertionError((folder / "log").read_text())
            yield socket
        finally:
            process.terminate()
            process.wait(30)


def ctr(socket: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of containerd's own client."""
    command = [needed("ctr", "containerd"), "--address", str(socket), "--connect-timeout", "1s", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("_then")
def test_containerd_and_skopeo_pull_by_the_names_of_the_sources(tmp_path: Path, distribution: str) -> None:
    """The sources' host does not exist: each answer is that of the site's registry, \"not found\", too."""
    written = stick(tmp_path)
    skopeo = needed("skopeo")
    (tmp_path / "run").mkdir()
    with containerd(tmp_path / "run") as socket:
        for number, arguments in enumerate(([], ["--keep-host"])):
            folder = tmp_path / str(number)
            ran = import_(written, *arguments, "--mirror-config", folder, written.layout, f"{distribution}/m{number}/")
            assert ran.code == 0, ran
            hosts = ["content", "fetch", "--hosts-dir", str(folder / "containerd" / "certs.d")]
            fetched = ctr(socket, *hosts, "registry.example/team/web:v1")
            assert fetched.returncode == 0, fetched
            absent = ctr(socket, *hosts, "registry.example/team/none:v1")
            assert (absent.returncode, absent.stderr.splitlines()[-1].endswith("not found")) == (1, True), absent
            conf = str(folder / "containers" / "registries.conf")
            shown = subprocess.run(
                [skopeo, "--registries-conf", conf, "inspect", "--raw", "docker://registry.example/lab/db:15"],
                capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert shown.returncode == 0, shown
            assert "layers" in json.loads(shown.stdout)
