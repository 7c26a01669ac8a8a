"""`airgap import --mirror-config`: runtimes pull by the names of the sources, and ask only the site's registry."""

from __future__ import annotations

import errno
import json
import re
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


def repository(name: str) -> RegistryReference:
    host, _, path = name.partition("/")
    return RegistryReference(registry=host, repository=path)


def config(*moved: tuple[str, str], retagged: str | None = None) -> MirrorConfig:
    return MirrorConfig.of(
        [(repository(one), repository(other)) for one, other in moved],
        plain_http=False,
        retagged=[repository(retagged)] if retagged else [],
    )


def rules(made: MirrorConfig) -> dict[str, str]:
    """What podman asks for names that begin so."""
    found = re.findall('prefix = "(.*)"\nlocation = "(.*)"', made.files.get("containers/registries.conf", ""))
    return dict(found)


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
        # the last part of the name alone is not the path
        [("r.example/team/web", "site.example/web"), ("r.example/web", "site.example/other")],
    ],
)
def test_a_rule_for_each_repository_where_paths_change(moved: list[tuple[str, str]]) -> None:
    made = config(*moved)
    assert not [name for name in made.files if name.startswith("containerd")]
    assert "none has the repositories of r.example alone and under their own paths" in made.notes[0]
    assert len(made.notes) == 1
    for source, place in moved:
        assert f'prefix = "{source}"\nlocation = "{place}"\n' in made.files["containers/registries.conf"]
        path = source.partition("/")[2].replace(".", r"\\.")
        assert f'"^{path}$": "{place.partition("/")[2]}"' in made.files["k3s/registries.yaml"]


A, B = "a.example/team/web", "b.example/team/web"
ONE = "site.example/team/web"


@pytest.mark.parametrize(
    ("moved", "kept"),
    [
        ([(A, ONE), (B, ONE)], []),
        ([(A, ONE), (B, ONE), ("a.example/lab/db", "site.example/lab/db")], ["a.example/lab/db"]),
        # by a rule for b.example, b.example/team/web would be that of a.example
        ([(A, ONE), ("b.example/lab/db", "site.example/lab/db")], [A, "b.example/lab/db"]),
        ([(A, "site.example/b/team/web"), ("b.example/x", "site.example/x")], ["a.example", "b.example/x"]),
        ([("r.example/a", "site.example/all"), ("r.example/b", "site.example/all")], []),
        # podman also takes a rule for what is below a repository
        ([("a.example/team", "site.example/x"), ("b.example/db", "site.example/x/web")], ["b.example/db"]),
        ([("a.example/team", "site.example/x"), (A, "site.example/x/web")], ["a.example/team", A]),
        ([(A, "site.example/a.example/team/web"), (B, "site.example/b.example/team/web")], ["a.example", "b.example"]),
        # two names of one repository, in two places
        ([("docker.io/a", "site.example/a"), ("docker.io/library/a", "site.example/library/a")], []),
    ],
)
def test_no_rule_reaches_what_came_from_elsewhere(moved: list[tuple[str, str]], kept: list[str]) -> None:
    made = config(*moved)
    assert list(rules(made)) == kept
    hosts = {name.split("/")[2] for name in made.files if name.startswith("containerd")}
    assert hosts == {source for source in kept if "/" not in source}
    silent = {source for source, _ in moved if not {source, source.partition("/")[0]} & {*kept}}
    notes = [note for note in made.notes if note.startswith("runtimes are not configured")]
    assert bool(silent) == bool(notes)
    for source in silent:
        assert source.replace("docker.io/a", "docker.io/library/a") in notes[0]
        assert "--keep-host" in notes[0]


def test_no_rule_for_a_repository_with_other_tags() -> None:
    made = config((A, ONE), ("a.example/lab/db", "site.example/lab/db"), retagged=A)
    assert rules(made) == {"a.example/lab/db": "site.example/lab/db"}
    assert made.notes[0].startswith(f"runtimes are not configured for {A}: the tags in the registry are not those of")


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io"])
def test_official_images_are_asked_for_by_their_whole_names(host: str) -> None:
    made = config((f"{host}/nginx", "site.example/in/nginx"), (f"{host}/bitnami/x", "site.example/in/bitnami/x"))
    assert rules(made) == {
        "docker.io/bitnami/x": "site.example/in/bitnami/x",
        "docker.io/library/nginx": "site.example/in/nginx",
    }
    assert "none has the repositories of docker.io alone and under their own paths" in made.notes[0]
    whole = config((f"{host}/library/nginx", "site.example/mirror/library/nginx"))
    assert (rules(whole), whole.notes) == ({"docker.io": "site.example/mirror"}, ())


@pytest.mark.usefixtures("_then")
def test_a_tag_that_is_another_one_in_the_registry(tmp_path: Path, target: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    medium = f"{written.layout}:registry.example/team/web:v1"
    ran = import_(written, "--mirror-config", tmp_path / "a", medium, f"{target.host}/team/web:v9")
    assert (ran.code, (tmp_path / "a").exists()) == (0, False), ran
    assert "note runtimes are not configured for registry.example/team/web: the tags" in ran.err
    ran = import_(written, "--mirror-config", tmp_path / "b", medium, f"{target.host}/team/web:v1")
    assert (ran.code, (tmp_path / "b" / HOSTS.format("registry.example")).exists()) == (0, True), ran


def test_nothing_imported_is_nothing_written(tmp_path: Path) -> None:
    made = config()
    made.write(tmp_path / "folder")
    assert (made.files, list(tmp_path.iterdir())) == ({}, [])


def test_what_is_no_longer_right_is_removed(tmp_path: Path) -> None:
    config((A, ONE)).write(tmp_path)
    assert (tmp_path / HOSTS.format("a.example")).exists()
    config((A, ONE), (B, ONE)).write(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    config((A, ONE)).write(tmp_path)
    config(("d.example/x", "site.example/in/x")).write(tmp_path)
    assert {path.parent.name for path in tmp_path.rglob("*.toml")} == {"a.example", "d.example"}


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
    assert not (folder / HOSTS.format("registry.example")).exists()
    document = import_(
        written, "--format", "json", "--mirror-config", folder, written.layout, target.host
    ).held_to("import")  # fmt: skip
    assert (document["exit_code"], document["copy"]) == (2, None)
    other.unlink()
    other.symlink_to("/etc/passwd")
    assert import_(written, "--mirror-config", folder, written.layout, target.host).code == 2
    inside = import_(written, "--mirror-config", written.trust / "x", written.layout, target.host)
    assert inside.code == 2
    nothing = import_(written, "--dry-run", "--mirror-config", tmp_path / "none", written.layout, target.host)
    assert (nothing.code, (tmp_path / "none").exists()) == (0, False)


@pytest.mark.usefixtures("_then")
@pytest.mark.parametrize("place", ["", "containers", "containerd/certs.d/x.example/hosts.toml"])
def test_a_folder_that_cannot_be_used_is_refused_first(tmp_path: Path, target: LoopbackRegistry, place: str) -> None:
    written = stick(tmp_path)
    folder = tmp_path / "etc"
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_text("mine")
    ran = import_(written, "--mirror-config", folder, written.layout, target.host)
    assert (ran.code, target.seen) == (2 if place.endswith("toml") else 1, []), ran
    assert str(folder) in ran.err


@pytest.mark.usefixtures("_then")
def test_a_configuration_that_cannot_be_written_is_the_result(
    tmp_path: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = stick(tmp_path)

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("airgap.transfer.mirror_config.write_file", full)
    report = tmp_path / "report.json"
    arguments = ("--format", "json", "--report", report, "--mirror-config", tmp_path / "etc")
    ran = import_(written, *arguments, written.layout, target.host)
    document = ran.held_to("import")
    assert ran.code == document["exit_code"] == json.loads(report.read_text())["exit_code"] == 1, ran
    assert (document["imported"], document["copy"]["exit_code"]) == (False, 1)
    assert "No space left on device" in document["error"]["message"]
    ran = import_(written, "--mirror-config", tmp_path / "etc", written.layout, target.host)
    assert (ran.code, ran.out.count("No space left on device")) == (1, 1), ran
    assert ran.out.startswith(f"IMPORTED 2 artifacts in {target.host}, but something else failed, "), ran


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
