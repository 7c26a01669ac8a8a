"""User name and password as options: each is sent to its own registry only, and never printed."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Ran, run_here
from tests.support.copying import family, load, write
from tests.support.pki import Pki
from tests.support.registry import LoopbackRegistry
from tests.support.tls import make_tls_files

USER, WORD = "ana", "s3cret-word"
OTHER_USER, OTHER_WORD = "bob", "0ther-word"


@pytest.fixture
def guarded() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        running.auth, running.users = "basic", {USER: WORD}
        load(running, "app", family())
        yield running


@pytest.fixture
def other() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        running.auth, running.users = "basic", {OTHER_USER: OTHER_WORD}
        yield running


def run(*arguments: str) -> Ran:
    """The command, which shows no password whatever happens."""
    ran = run_here(arguments)
    for word in (WORD, OTHER_WORD, "wrong-word"):
        assert word not in ran.out + ran.err, ran
    return ran


def sent_to(registry: LoopbackRegistry) -> set[str]:
    return {seen.authorization for seen in registry.seen if seen.authorization}


def test_a_copy_uses_name_and_password(tmp_path: Path, guarded: LoopbackRegistry) -> None:
    source = f"{guarded.host}/app:v1"
    assert run("copy", source, str(tmp_path / "none")).code == 1
    wrong = run("copy", source, str(tmp_path / "wrong"), "-u", USER, "-p", "wrong-word")
    assert (wrong.code, "refused ana (from the command line)" in wrong.err) == (1, True), wrong
    ran = run("copy", source, str(tmp_path / "stick"), "-u", USER, "-p", WORD)
    assert ran.code == 0, ran
    assert "others on this machine can see what --password says" in ran.err


def test_a_document_of_a_failure_shows_no_password(tmp_path: Path, guarded: LoopbackRegistry) -> None:
    options = ["-u", USER, "-p", "wrong-word", "--format", "json", "--debug"]
    ran = run("copy", f"{guarded.host}/app:v1", str(tmp_path / "stick"), *options)
    assert (ran.code, ran.document["exit_code"]) == (1, 1)


def test_reads_a_password_from_standard_input(
    tmp_path: Path, guarded: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{WORD}\n"))
    ran = run("copy", f"{guarded.host}/app:v1", str(tmp_path / "stick"), "--username", USER, "--password-stdin")
    assert (ran.code, "Warning" in ran.err) == (0, False), ran


def test_fetching_evidence_uses_name_and_password(tmp_path: Path, guarded: LoopbackRegistry) -> None:
    arguments = ["trust", "fetch", f"{guarded.host}/app:v1", "--trust", str(tmp_path / "trust"), "--no-download"]
    assert "there are none" in run(*arguments).err + run(*arguments).out
    ran = run(*arguments, "-u", USER, "-p", WORD)
    assert "wants credentials" not in ran.out + ran.err, ran
    assert sent_to(guarded)


def test_the_environment_counts_for_every_command(
    tmp_path: Path, guarded: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for notation."""
    monkeypatch.setenv("NOTATION_USERNAME", USER)
    monkeypatch.setenv("NOTATION_PASSWORD", WORD)
    assert run("copy", f"{guarded.host}/app:v1", str(tmp_path / "stick")).code == 0
    assert run("login", guarded.host).code == 0
    monkeypatch.setenv("NOTATION_PASSWORD", "wrong-word")
    ran = run("copy", f"{guarded.host}/app:v1", str(tmp_path / "again"))
    assert "from $NOTATION_USERNAME and $NOTATION_PASSWORD" in ran.err, ran
    monkeypatch.delenv("NOTATION_USERNAME")
    assert run("copy", f"{guarded.host}/app:v1", str(tmp_path / "third")).code == 2


@pytest.mark.parametrize("command", ["discover", "inspect", "ls", "attach", "sign", "timestamp add"])
def test_every_command_with_a_registry_takes_name_and_password(
    tmp_path: Path, guarded: LoopbackRegistry, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("key", "generate", "builder", "--key-config", str(tmp_path / "keys")).code == 0
    (tmp_path / "sbom.json").write_text("{}")
    (tmp_path / "root.pem").write_bytes(Pki().code_chain().root.pem)
    stamp = ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", str(tmp_path / "root.pem")]
    options = {
        "attach": [str(tmp_path / "sbom.json"), "--artifact-type", "application/spdx+json"],
        "sign": ["--key", "builder", "--key-config", str(tmp_path / "keys")],
        "timestamp add": stamp,
    }
    arguments = [*command.split(), *options.get(command, []), f"{guarded.host}/app:v1"]
    ran = run(*arguments)
    assert (ran.code, "wants credentials" in ran.err) == (1, True), ran
    monkeypatch.setattr(sys, "stdin", io.StringIO(WORD))
    ran = run(*arguments, "-u", USER, "--password-stdin")
    assert "credentials" not in ran.err, ran
    assert sent_to(guarded)
    assert any(seen.status == 200 for seen in guarded.seen)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-p", WORD], "--username is missing"),
        (["-u", USER], "no terminal to ask"),
        (["-u", USER, "-p", WORD, "--password-stdin"], "two passwords"),
        (["-u", USER, "--password-stdin"], "standard input holds no password"),
        (["--from-password", WORD], "--from-username is missing"),
        (["--to-username", USER], "--to-password-stdin"),
        (["--from-username", "a", "--from-password-stdin", "--to-password-stdin"], "standard input holds one password"),
        (["--from-key-file", "k.pem"], "--from-key-file needs --from-cert-file"),
        (["--key-file", "k.pem"], "--key-file needs --cert-file"),
        (["--to-plain-http", "--to-ca-file", "ca.pem"], "--to-plain-http speaks no TLS"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names_a_missing_option(tmp_path: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ran = run("copy", str(write(tmp_path / "stick", family())), "registry.invalid/app:v1", *options)
    assert (ran.code, said in ran.err) == (2, True), ran


def test_refuses_an_empty_password(guarded: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-p "$TOKEN"` without a TOKEN: another password than the one that was meant must not be sent."""
    monkeypatch.setenv("NOTATION_PASSWORD", OTHER_WORD)
    ran = run("ls", f"{guarded.host}/app", "-u", USER, "-p", "")
    assert (ran.code, "--password is empty" in ran.err, sent_to(guarded)) == (2, True, set())


def test_refuses_a_tar_and_a_password_on_standard_input(tmp_path: Path) -> None:
    ran = run("copy", "-", str(tmp_path / "stick"), "-u", USER, "--password-stdin")
    assert (ran.code, "standard input holds the tar" in ran.err) == (2, True), ran


def test_sends_a_password_to_one_registry_only(guarded: LoopbackRegistry, other: LoopbackRegistry) -> None:
    """Whose password it is was not said, so that neither gets it, whichever is asked first."""
    ran = run("copy", f"{guarded.host}/app:v1", f"{other.host}/app:v1", "-u", USER, "-p", WORD)
    assert (ran.code, "--from-username" in ran.err) == (2, True), ran
    assert guarded.host in ran.err
    assert other.host in ran.err
    assert not guarded.seen
    assert not other.seen


def test_sends_a_password_to_no_second_source(
    tmp_path: Path, guarded: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{guarded.host}/app:v1\n{other.host}/app:v1\n")
    options = ["--from-username", USER, "--from-password", WORD]
    ran = run("copy", "-f", str(listed), str(tmp_path / "stick"), *options)
    assert (ran.code, len(guarded.seen) + len(other.seen)) == (2, 0), ran


def test_source_and_destination_have_their_own_credentials(guarded: LoopbackRegistry, other: LoopbackRegistry) -> None:
    options = ["--from-username", USER, "--from-password", WORD]
    options += ["--to-username", OTHER_USER, "--to-password", OTHER_WORD]
    ran = run("copy", f"{guarded.host}/app:v1", f"{other.host}/app:v1", *options)
    assert ran.code == 0, ran
    assert len(sent_to(guarded)) == len(sent_to(other)) == 1
    assert not sent_to(guarded) & sent_to(other)
    assert other.repositories["app"].tags.keys() >= {"v1"}


def test_options_of_one_side_leave_the_common_ones_to_the_other(
    guarded: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    options = ["-u", USER, "-p", WORD, "--to-username", OTHER_USER, "--to-password", OTHER_WORD]
    ran = run("copy", f"{guarded.host}/app:v1", f"{other.host}/app:v1", *options)
    assert ran.code == 0, ran
    assert not sent_to(guarded) & sent_to(other)


def test_a_side_has_its_own_file_of_credentials(
    tmp_path: Path, guarded: LoopbackRegistry, other: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry, name, word in ((guarded, USER, WORD), (other, OTHER_USER, OTHER_WORD)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(word))
        file = str(tmp_path / f"{name}.json")
        ran = run("login", registry.host, "-u", name, "--password-stdin", "--registry-config", file)
        assert ran.code == 0, ran
    options = ["--from-registry-config", str(tmp_path / "ana.json")]
    copy = ["copy", f"{guarded.host}/app:v1", f"{other.host}/app:v1", *options]
    assert run(*copy).code == 1
    assert run(*copy, "--to-registry-config", str(tmp_path / "bob.json")).code == 0


def test_refuses_one_password_for_signing_in_two_registries(
    tmp_path: Path, guarded: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    assert run("key", "generate", "builder", "--key-config", str(tmp_path / "keys")).code == 0
    options = ["--key", "builder", "--key-config", str(tmp_path / "keys"), "-u", USER, "-p", WORD]
    assert run("sign", f"{guarded.host}/app:v1", *options).code == 0
    guarded.seen.clear()
    ran = run("sign", f"{guarded.host}/app:v1", f"{other.host}/app:v1", *options)
    assert (ran.code, len(guarded.seen) + len(other.seen)) == (2, 0), ran


def test_source_and_destination_have_their_own_authorities(tmp_path: Path, other: LoopbackRegistry) -> None:
    """A source with TLS, a destination without."""
    tls = make_tls_files(tmp_path)
    other.auth = None
    with LoopbackRegistry(tls=tls.server_context(ask_client=True)) as secure:
        load(secure, "app", family())
        copy = ["copy", f"{secure.host}/app:v1", f"{other.host}/app:v1"]
        assert run(*copy, "--retries", "0").code == 1
        certificate = ["--from-cert-file", str(tls.client)]
        ran = run(*copy, "--from-ca-file", str(tls.authority), *certificate)
        assert ran.code == 0, ran
        ran = run(*copy, "--ca-file", str(tls.authority), "--cert-file", str(tls.client), "--to-plain-http")
        assert ran.code == 0, ran
        ran = run(*copy, "--plain-http", "--from-insecure", *certificate)
        assert ran.code == 0, ran
