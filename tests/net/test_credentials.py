"""docker's and containers' configuration, helpers, and how login and logout change them."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from airgap.errors import AirgapError, UsageError
from airgap.net.credentials import Credential, Credentials, credential_files
from airgap.net.login import login, logout
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import AuthenticationError, RegistryError
from tests.support.net import store
from tests.support.registry import LoopbackRegistry, answer

OPTIONS = TransportOptions(proxies={}, sleep=lambda _: None)


def _auth(user: str, password: str = "pw") -> dict[str, str]:  # noqa: S107
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def _user(home: Path, host: str, repository: str = "", **environment: str) -> str | None:
    credentials = Credentials(environment={"HOME": str(home), "PATH": str(home / "bin"), **environment})
    found = credentials.lookup(host, repository).credential
    return None if found is None else found.username


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """A credential helper that keeps what it is given in a file, and counts its calls."""
    program = tmp_path / "bin" / "docker-credential-test"
    program.parent.mkdir()
    program.write_text(
        f"""#!{sys.executable}
import json, pathlib, sys
store = pathlib.Path({str(tmp_path / "store.json")!r})
calls = pathlib.Path({str(tmp_path / "calls")!r})
calls.write_text((calls.read_text() if calls.exists() else "") + sys.argv[1] + "\\n")
known = json.loads(store.read_text()) if store.exists() else {{}}
sent = sys.stdin.read()
if sys.argv[1] == "get":
    if sent not in known:
        print("credentials not found in native keychain")
        sys.exit(1)
    print(json.dumps(known[sent]))
elif sys.argv[1] == "store":
    entry = json.loads(sent)
    known[entry["ServerURL"]] = entry
    store.write_text(json.dumps(known))
elif sys.argv[1] == "erase":
    known.pop(sent)
    store.write_text(json.dumps(known))
"""
    )
    program.chmod(0o755)
    return tmp_path / "store.json"


def test_reads_dockers_file(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {"registry.example": _auth("alice")}})
    assert _user(tmp_path, "registry.example") == "alice"
    assert _user(tmp_path, "other.example") is None


def test_ignores_unknown_members_of_dockers_file(tmp_path: Path) -> None:
    """Go skips line ends in base64, takes null for absent, and does not look at members of others."""
    wrapped = base64.encodebytes(f"alice:{'p' * 200}".encode()).decode()
    entry = {"auth": wrapped, "identitytoken": None, "x-theirs": 1.5}
    document = {"auths": {"registry.example": entry}, "credHelpers": None, "plugins": {"some": {"scale": 1e300}}}
    path = _write(tmp_path / ".docker/config.json", document)
    assert _user(tmp_path, "registry.example") == "alice"
    path.write_text(path.read_text().replace('"auths"', '"Auths"'))
    with pytest.raises(AirgapError, match="auths: appears in another case, as 'Auths'"):
        _user(tmp_path, "registry.example")


def test_docker_config_names_the_folder(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {"registry.example": _auth("wrong")}})
    _write(tmp_path / "ci/config.json", {"auths": {"registry.example": _auth("ci")}})
    assert _user(tmp_path, "registry.example", DOCKER_CONFIG=str(tmp_path / "ci")) == "ci"


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("REGISTRY_AUTH_FILE", "auth.json", "auth.json"),
        ("XDG_RUNTIME_DIR", "run", "run/containers/auth.json"),
        ("XDG_CONFIG_HOME", "cfg", "cfg/containers/auth.json"),
        ("UNUSED", "", ".config/containers/auth.json"),
    ],
)
def test_containers_files_are_read(tmp_path: Path, variable: str, value: str, path: str) -> None:
    """containers-auth.json(5)"""
    _write(tmp_path / path, {"auths": {"registry.example": _auth("podman")}})
    assert _user(tmp_path, "registry.example", **{variable: str(tmp_path / value)}) == "podman"


@pytest.mark.skipif(sys.platform != "linux", reason="the file is for Linux")
def test_finds_a_login_of_root_by_skopeo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without $XDG_RUNTIME_DIR it is below /run; "there are none" was untrue after a login by skopeo or podman."""
    monkeypatch.setattr("airgap.net.credentials._RUN", tmp_path / "run")
    _write(tmp_path / f"run/{os.getuid()}/auth.json", {"auths": {"registry.example": _auth("skopeo")}})
    assert _user(tmp_path, "registry.example") == "skopeo"
    assert _user(tmp_path, "registry.example", XDG_RUNTIME_DIR=str(tmp_path / "other")) is None


def test_the_first_file_that_knows_the_registry_decides(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {"a.example": _auth("docker")}})
    _write(
        tmp_path / ".config/containers/auth.json", {"auths": {"a.example": _auth("podman"), "b.example": _auth("b")}}
    )
    assert _user(tmp_path, "a.example") == "docker"
    assert _user(tmp_path, "b.example") == "b"


def test_an_explicit_file_is_the_only_one(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {"a.example": _auth("docker")}})
    explicit = _write(tmp_path / "mine.json", {})
    credentials = Credentials(environment={"HOME": str(tmp_path)}, explicit_file=explicit)
    assert credentials.lookup("a.example").credential is None
    assert credential_files(explicit, {}) == (explicit,)
    assert credentials.lookup("a.example").problems == ()
    assert credentials.login("a.example") == f"airgap login a.example --registry-config {explicit}"


def test_a_function_for_credentials_is_called_once_when_a_registry_is_named() -> None:
    asked: list[str] = []
    given = Credential(username="user", password="word")

    def ask() -> Credential:
        asked.append("asked")
        return given

    credentials = Credentials(environment={}, given=ask)
    assert (credentials.only_for([]), asked) == (credentials, [])
    meant = credentials.only_for(["registry.example"])
    assert meant.lookup("registry.example").credential == given
    assert meant.lookup("registry.example", "app").credential == given
    assert asked == ["asked"]


def test_refuses_a_missing_explicit_file(tmp_path: Path) -> None:
    """It looked like a registry without an entry; a login as the message said it went into another file."""
    typo = tmp_path / "my typo.json"
    credentials = Credentials(environment={"HOME": str(tmp_path)}, explicit_file=typo)
    assert credentials.lookup("a.example").problems == (f"there is no file {typo}",)
    assert credentials.login("a.example") == f"airgap login a.example --registry-config '{typo}'"
    assert Credentials(environment={}).login("a.example") == "airgap login a.example"


def test_the_longest_matching_entry_counts(tmp_path: Path) -> None:
    entries = {"r.example": _auth("host"), "r.example/team": _auth("team"), "r.example/team/app": _auth("app")}
    _write(tmp_path / ".docker/config.json", {"auths": entries})
    assert _user(tmp_path, "r.example", "team/app") == "app"
    assert _user(tmp_path, "r.example", "team/app/sub") == "app"
    assert _user(tmp_path, "r.example", "team/other") == "team"
    assert _user(tmp_path, "r.example", "teams/app") == "host"
    assert _user(tmp_path, "r.example") == "host"


@pytest.mark.parametrize("key", ["https://r.example", "https://r.example/", "https://r.example/v1/", "r.example/v2/"])
def test_old_entries_are_urls(tmp_path: Path, key: str) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {key: _auth("alice")}})
    assert _user(tmp_path, "r.example") == "alice"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"])
def test_docker_hub_has_many_names(tmp_path: Path, key: str) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {key: _auth("alice")}})
    assert _user(tmp_path, "docker.io", "library/alpine") == "alice"


def test_all_forms_of_entries_are_read(tmp_path: Path) -> None:
    entries = {
        "a": {"username": "alice", "password": "pw"},
        "b": {**_auth("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "identity"},
        "c": {"registrytoken": "ready"},
        "d": _auth("<token>", "identity"),
        "e": {},
    }
    _write(tmp_path / ".docker/config.json", {"auths": entries})
    credentials = Credentials(environment={"HOME": str(tmp_path)})
    found = {name: credentials.lookup(name).credential for name in entries}
    assert found["a"] == Credential(username="alice", password="pw")
    assert found["b"] is not None
    assert found["b"].identity_token == "identity"
    assert found["c"] == Credential(registry_token="ready")
    assert found["d"] == Credential(identity_token="identity")
    assert found["e"] is None


@pytest.mark.parametrize("auth", ["!!!", "bm9jb2xvbg==", "/w=="])
def test_a_broken_entry_is_named_without_its_content(tmp_path: Path, auth: str) -> None:
    path = _write(tmp_path / ".docker/config.json", {"auths": {"a": {"auth": auth}}})
    with pytest.raises(AirgapError, match=r"auths\['a'\]\.auth") as caught:
        Credentials(environment={"HOME": str(tmp_path)}).lookup("a")
    assert str(path) in str(caught.value)
    assert auth not in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"auths":[]}', b'{"auths":{"a":1}}', b"\xff"])
def test_names_a_malformed_configuration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(AirgapError, match=r"config\.json cannot be used"):
        Credentials(environment={"HOME": str(tmp_path)}).lookup("a")


# helpers


def test_a_helper_for_the_registry_is_asked(tmp_path: Path, helper: Path) -> None:
    _write(helper, {"r.example": {"Username": "kept", "Secret": "pw"}})
    _write(tmp_path / ".docker/config.json", {"credHelpers": {"r.example": "test"}, "auths": {"r.example": _auth("x")}})
    assert _user(tmp_path, "r.example") == "kept"


def test_the_credentials_store_is_asked_last(tmp_path: Path, helper: Path) -> None:
    _write(helper, {"a.example": {"Username": "kept", "Secret": "pw"}, "b.example": {"Username": "no", "Secret": "x"}})
    _write(
        tmp_path / ".docker/config.json", {"credsStore": "test", "auths": {"a.example": {}, "b.example": _auth("b")}}
    )
    assert _user(tmp_path, "a.example") == "kept"
    assert _user(tmp_path, "b.example") == "b"
    assert _user(tmp_path, "c.example") is None


def test_a_helper_gives_identity_tokens(tmp_path: Path, helper: Path) -> None:
    _write(helper, {"r.example": {"Username": "<token>", "Secret": "identity"}})
    _write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    credentials = Credentials(environment={"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")})
    assert credentials.lookup("r.example").credential == Credential(identity_token="identity")


def test_a_helper_is_asked_once_for_a_registry(tmp_path: Path, helper: Path) -> None:
    _write(helper, {"r.example": {"Username": "kept", "Secret": "pw"}})
    _write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    credentials = Credentials(environment={"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")})
    for number in range(5):
        assert credentials.lookup("r.example", f"app{number}").credential is not None
    assert (tmp_path / "calls").read_text() == "get\n"


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x", "a b", "x\n"])
def test_refuses_a_helper_name_that_is_a_path(tmp_path: Path, name: str) -> None:
    _write(tmp_path / ".docker/config.json", {"credsStore": name})
    found = Credentials(environment={"HOME": str(tmp_path), "PATH": ""}).lookup("r.example")
    assert found.credential is None
    assert "is not the name of a credential helper" in found.problems[0]


def test_names_a_missing_helper_after_a_refusal(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Configurations that another machine's docker left behind name helpers that are not there."""
    _write(tmp_path / ".docker/config.json", {"credsStore": "desktop"})
    environment = {"HOME": str(tmp_path), "PATH": ""}
    registry.put_image("app", tag="v1")
    with store(registry.host, environment=environment) as repository:
        repository.resolve("v1")
    registry.auth = "basic"
    with (
        store(registry.host, environment=environment) as repository,
        pytest.raises(AuthenticationError, match="the credential helper docker-credential-desktop is not installed"),
    ):
        repository.resolve("v1")


def test_does_not_print_the_output_of_a_helper(tmp_path: Path, helper: Path) -> None:
    (tmp_path / "bin/docker-credential-test").write_text("#!/bin/sh\necho '{\"Secret\": secret-of-alice'\n")
    _write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    found = Credentials(environment={"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin"}).lookup("r.example")
    assert found.problems == ("the credential helper's answer is not what helpers answer",)


# login and logout


@pytest.fixture
def demanding(registry: LoopbackRegistry) -> LoopbackRegistry:
    registry.auth, registry.users = "bearer", {"alice": "pä:ss"}
    registry.put_image("app", tag="v1")
    return registry


ALICE = Credential(username="alice", password="pä:ss")


def test_login_writes_what_lookups_find(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    environment = {"HOME": str(tmp_path), "PATH": ""}
    credentials = Credentials(environment=environment)
    result = login(demanding.host, ALICE, credentials, OPTIONS)
    assert result.tried
    path = tmp_path / ".docker/config.json"
    assert result.kept_in == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert credentials.lookup(demanding.host).credential == ALICE
    with store(demanding.host, environment=environment) as repository:
        repository.resolve("v1")


def test_login_keeps_other_members(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    before = {"auths": {"other.example": _auth("bob")}, "HttpHeaders": {"X": "y"}, "plugins": {"a": {"b": "c"}}}
    path = _write(tmp_path / ".docker/config.json", before)
    path.chmod(0o644)
    login(demanding.host, ALICE, Credentials(environment={"HOME": str(tmp_path)}), OPTIONS)
    after = json.loads(path.read_text())
    assert after.pop("auths").keys() == {"other.example", demanding.host}
    assert after == {"HttpHeaders": {"X": "y"}, "plugins": {"a": {"b": "c"}}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["config.json"]


def test_a_refused_login_writes_nothing(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    with pytest.raises(AuthenticationError):
        login(
            demanding.host,
            Credential(username="alice", password="wrong"),
            Credentials(environment={"HOME": str(tmp_path)}),
            OPTIONS,
        )
    assert not (tmp_path / ".docker").exists()


def test_login_uses_the_helper(tmp_path: Path, helper: Path, demanding: LoopbackRegistry) -> None:
    path = _write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    credentials = Credentials(environment={"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")})
    assert login(demanding.host, ALICE, credentials, OPTIONS).kept_in == "the credential helper test"
    assert json.loads(helper.read_text())[demanding.host]["Secret"] == "pä:ss"
    assert json.loads(path.read_text()) == {"credsStore": "test"}
    assert logout(demanding.host, credentials)
    assert json.loads(helper.read_text()) == {}
    assert not logout(demanding.host, credentials)


def test_keeps_a_link_to_the_configuration(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    real = _write(tmp_path / "dotfiles/config.json", {})
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").symlink_to(real)
    login(demanding.host, ALICE, Credentials(environment={"HOME": str(tmp_path)}), OPTIONS)
    assert (tmp_path / ".docker/config.json").is_symlink()
    assert demanding.host in json.loads(real.read_text())["auths"]


def test_stores_an_identity_token_as_such(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    demanding.identity_tokens = {"identity"}
    credentials = Credentials(environment={"HOME": str(tmp_path)})
    login(demanding.host, Credential(identity_token="identity"), credentials, OPTIONS)
    found = credentials.lookup(demanding.host).credential
    assert found is not None
    assert found.identity_token == "identity"


def test_logout_removes_the_entry(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    credentials = Credentials(environment={"HOME": str(tmp_path)})
    login(demanding.host, ALICE, credentials, OPTIONS)
    assert logout(demanding.host, credentials)
    assert credentials.lookup(demanding.host).credential is None
    assert not logout(demanding.host, credentials)


def test_refuses_a_login_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        login("r.example", Credential(username="alice"), Credentials(environment={"HOME": str(tmp_path)}), OPTIONS)


def test_a_configuration_that_cannot_be_written_is_named(tmp_path: Path, demanding: LoopbackRegistry) -> None:
    (tmp_path / ".docker").write_text("a file where the folder should be")
    with pytest.raises(AirgapError, match=r"config\.json cannot be written"):
        login(demanding.host, ALICE, Credentials(environment={"HOME": str(tmp_path)}), OPTIONS)


def test_login_reports_a_registry_without_authentication(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """DIST-27: Nothing was tried, so nothing is known about the credentials."""
    assert not login(registry.host, ALICE, Credentials(environment={"HOME": str(tmp_path)}), OPTIONS).tried


def test_login_at_a_web_page_writes_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """The web site of a forge, and not its registry."""
    registry.on("GET", "/v2/$", answer(302, Location="/users/sign_in"))
    registry.on("GET", "/users/", answer(200, b"<html>sign in</html>", Content_Type="text/html"))
    with pytest.raises(RegistryError, match="is no registry: it sent a web page"):
        login(registry.host, ALICE, Credentials(environment={"HOME": str(tmp_path)}), OPTIONS)
    assert not (tmp_path / ".docker").exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"REGISTRY_AUTH_FILE": "/a/auth.json", "DOCKER_CONFIG": "/b", "HOME": "/c"}, "/a/auth.json"),
        ({"DOCKER_CONFIG": "/b", "HOME": "/c"}, "/b/config.json"),
        ({"HOME": "/c", "XDG_RUNTIME_DIR": "/d"}, "/c/.docker/config.json"),
    ],
)
def test_login_writes_to_the_first_file_of_docker(environment: dict[str, str], expected: str) -> None:
    assert Credentials(environment=environment).login_file == Path(expected)


def test_login_writes_to_no_file_of_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`/run/containers/UID` is read where skopeo wrote it, and belongs to skopeo."""

    def unknown() -> None:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", unknown)
    credentials = Credentials(environment={"XDG_RUNTIME_DIR": "/d", "XDG_CONFIG_HOME": "/e"})
    assert credentials.files
    assert credentials.login_file is None
