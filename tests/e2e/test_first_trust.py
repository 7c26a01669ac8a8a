"""A first trust: the certificate is looked at before it counts, and a policy grows and changes only to valid ones."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import add_image


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    return tmp_path / "trust"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.crt"
    path.write_bytes(Pki().code_chain().root.pem)
    return path


def fingerprint(path: Path) -> str:
    ran = run_here(["trust", "cert", "show", str(path), "--format", "json"])
    (file,) = ran.document["files"]
    assert file["store"] is None
    return str(file["certificates"][0]["sha256"])


def policy(trust: Path) -> list[dict[str, Any]]:
    found = json.loads((trust / "trustpolicy.oci.json").read_text(encoding="utf-8"))["trustPolicies"]
    assert isinstance(found, list)
    return found


def on_a_terminal(
    arguments: Sequence[str], typed: str, *, env: Mapping[str, str] = os.environ, times: int = 1
) -> tuple[int, str]:
    """The command on a terminal, with what a person types."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "airgap", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=dict(env),
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode() * times)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the last one has closed it
                break
            if not piece:
                break
            shown += piece
        code = process.wait(timeout=60)
    os.close(ours)
    return code, shown.decode(errors="replace").replace("\r\n", "\n")


class TestCertificates:
    def test_a_file_is_shown_before_it_is_trusted(self, root: Path) -> None:
        ran = run_here(["trust", "cert", "show", str(root)])
        assert ran.code == 0
        assert ran.out.startswith("root.crt\n")
        assert "in words" in ran.out
        assert len(fingerprint(root)) == 64

    def test_type_and_store_belong_together(self, root: Path) -> None:
        assert run_here(["trust", "cert", "show", str(root), "--type", "ca"]).code == 2

    def test_a_file_that_is_no_certificate_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "x.crt").write_bytes(b"no certificate")
        ran = run_here(["trust", "cert", "show", str(tmp_path / "x.crt")])
        assert ran.code != 0
        assert "x.crt" in ran.err

    @pytest.mark.parametrize("form", ["{}", "sha256:{}", "colons", "UPPER"])
    def test_the_right_fingerprint_lets_it_in(self, root: Path, trust: Path, form: str) -> None:
        digits = fingerprint(root)
        text = {
            "colons": ":".join(digits[i : i + 2] for i in range(0, 64, 2)).upper(),
            "UPPER": digits.upper(),
        }.get(form, form.format(digits))
        ran = run_here(["trust", "cert", "add", "-t", "ca", "-s", "acme", str(root), "--sha256", text, *at(trust)])
        assert ran.code == 0, ran
        assert [path.name for path in (trust / "truststore/x509/ca/acme").iterdir()] == ["root.crt"]

    def test_another_fingerprint_keeps_it_out(self, root: Path, trust: Path) -> None:
        wrong = "0" * 63 + "1"
        ran = run_here(["trust", "cert", "add", "-t", "ca", "-s", "acme", str(root), "--sha256", wrong, *at(trust)])
        assert ran.code == 13
        assert fingerprint(root) in ran.err
        assert "Nothing was added" in ran.err
        assert not (trust / "truststore").exists()

    def test_each_named_fingerprint_must_be_there(self, root: Path, trust: Path) -> None:
        options = ["--sha256", fingerprint(root), "--sha256", "0" * 64]
        ran = run_here(["trust", "cert", "add", "-t", "ca", "-s", "acme", str(root), *options, *at(trust)])
        assert ran.code == 13
        assert not (trust / "truststore").exists()

    @pytest.mark.parametrize("text", ["", "abcd", "0" * 65, "g" * 64])
    def test_half_a_fingerprint_is_none(self, root: Path, trust: Path, text: str) -> None:
        ran = run_here(["trust", "cert", "add", "-t", "ca", "-s", "acme", str(root), "--sha256", text, *at(trust)])
        assert ran.code == 2

    @pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
    def test_a_terminal_shows_the_fingerprint_and_asks(self, root: Path, trust: Path, typed: str, code: int) -> None:
        ended, shown = on_a_terminal(["trust", "cert", "add", "-t", "ca", "-s", "a", str(root), *at(trust)], typed)
        assert ended == code
        assert "Has the owner told you these fingerprints" in shown
        assert shown.index("SHA-256") < shown.index("Has the owner")
        assert (trust / "truststore").exists() == (code == 0)


def at(trust: Path) -> list[str]:
    return ["--trust", str(trust)]


ANSWERS = ["--store", "acme", "--scope", "*", "--trusted-identity", "*"]


class TestInit:
    def test_options_answer_all_questions(self, root: Path, trust: Path) -> None:
        ran = run_here(["trust", "init", "--cert", str(root), "--sha256", fingerprint(root), *ANSWERS, *at(trust)])
        assert ran.code == 0, ran
        (statement,) = policy(trust)
        assert statement["signatureVerification"] == {"level": "strict"}
        assert statement["trustStores"] == ["ca:acme"]
        assert "airgap verify" in ran.err

    def test_a_second_publisher_is_added(self, root: Path, trust: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.crt"
        other.write_bytes(Pki().code_chain().root.pem)
        first = ["--store", "acme", "--scope", "registry.example/acme", "--trusted-identity", "*"]
        second = ["--store", "zenith", "--scope", "registry.example/zenith", "--trusted-identity", "C=US,ST=WA,O=Z"]
        for file, answers in ((root, first), (other, second)):
            ran = run_here(["trust", "init", "--cert", str(file), "--sha256", fingerprint(file), *answers, *at(trust)])
            assert ran.code == 0, ran
        assert [statement["name"] for statement in policy(trust)] == ["acme", "zenith"]
        assert policy(trust)[1]["trustedIdentities"] == ["x509.subject: C=US,ST=WA,O=Z"]

    def test_nothing_is_written_where_the_policy_would_be_wrong(self, root: Path, trust: Path) -> None:
        answers = ["--store", "acme", "--scope", "not a repository", "--trusted-identity", "*"]
        ran = run_here(["trust", "init", "--cert", str(root), "--sha256", fingerprint(root), *answers, *at(trust)])
        assert ran.code == 18
        assert not trust.exists()

    def test_without_a_terminal_the_missing_option_is_named(self, root: Path, trust: Path) -> None:
        ran = run_here(["trust", "init", "--cert", str(root), *at(trust)])
        assert ran.code == 2
        assert "--sha256 is missing" in ran.err

    def test_five_questions_on_a_terminal(self, root: Path, trust: Path) -> None:
        typed = f"{root}\ny\nacme\n*\n*\n"
        code, shown = on_a_terminal(["trust", "init", *at(trust)], typed)
        assert code == 0, shown
        assert policy(trust)[0]["registryScopes"] == ["*"]


class TestPolicy:
    @pytest.fixture
    def written(self, trust: Path, root: Path) -> Path:
        run_here(["trust", "cert", "add", "-t", "ca", "-s", "acme", str(root), *at(trust)])
        options = ["--name", "acme", "--trust-store", "ca:acme", "--trusted-identity", "*"]
        assert run_here(["trust", "policy", "init", *options, "--scope", "registry.example/a", *at(trust)]).code == 0
        return trust

    def add(self, trust: Path, name: str, scope: str) -> int:
        options = ["--name", name, "--trust-store", "ca:acme", "--trusted-identity", "*", "--scope", scope]
        return run_here(["trust", "policy", "add", *options, *at(trust)]).code

    def test_a_statement_is_added_and_the_former_policy_kept(self, written: Path) -> None:
        assert self.add(written, "second", "registry.example/b") == 0
        assert [statement["name"] for statement in policy(written)] == ["acme", "second"]
        assert len(list(written.glob("*.bak"))) == 1

    @pytest.mark.parametrize(("name", "scope"), [("acme", "registry.example/b"), ("second", "registry.example/a")])
    def test_what_is_there_already_is_refused(self, written: Path, name: str, scope: str) -> None:
        before = policy(written)
        assert self.add(written, name, scope) == 18
        assert policy(written) == before

    def test_without_a_policy_nothing_is_added(self, trust: Path) -> None:
        assert self.add(trust, "second", "registry.example/b") == 18

    def editor(self, tmp_path: Path, script: str) -> dict[str, str]:
        program = tmp_path / "editor"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        return {**os.environ, "VISUAL": str(program), "TMPDIR": str(tmp_path)}

    def test_an_edited_policy_is_put_in_place(self, written: Path, tmp_path: Path) -> None:
        env = self.editor(tmp_path, 'sed -i s/registry.example.a/registry.example\\\\/z/ "$1"')
        code, shown = on_a_terminal(["trust", "policy", "edit", *at(written)], "", env=env)
        assert code == 0, shown
        assert policy(written)[0]["registryScopes"] == ["registry.example/z"]
        assert not list(tmp_path.glob("airgap-edit-*"))

    def test_a_wrong_one_is_not_and_is_kept(self, written: Path, tmp_path: Path) -> None:
        before = policy(written)
        env = self.editor(tmp_path, 'sed -i s/strict/strickt/ "$1"')
        code, shown = on_a_terminal(["trust", "policy", "edit", *at(written)], "n\n", env=env)
        assert code == 18
        assert "strickt" in shown
        assert policy(written) == before
        (kept,) = tmp_path.glob("airgap-edit-*/*")
        assert "strickt" in kept.read_text(encoding="utf-8")

    def test_an_editor_that_fails_changes_nothing(self, written: Path, tmp_path: Path) -> None:
        before = policy(written)
        env = self.editor(tmp_path, 'echo broken > "$1"; exit 3')
        assert on_a_terminal(["trust", "policy", "edit", *at(written)], "", env=env)[0] == 1
        assert policy(written) == before
        assert not list(tmp_path.glob("airgap-edit-*"))

    def test_without_a_terminal_nothing_is_edited(self, written: Path) -> None:
        assert run_here(["trust", "policy", "edit", *at(written)]).code == 2


def test_from_nothing_to_a_verdict_on_an_own_image_in_four_commands(tmp_path: Path, trust: Path) -> None:
    """`make demo`, which installs the command, is the fifth."""
    builder = LayoutBuilder()
    builder.tag(add_image(builder), "v1")
    image, keys = builder.write_directory(tmp_path / "image"), ["--key-config", str(tmp_path / "keys")]
    assert run_here(["key", "generate", "dev", "--default", *keys]).code == 0
    (certificate,) = (tmp_path / "keys").rglob("*root*.crt")
    answers = ["--cert", str(certificate), "--sha256", fingerprint(certificate), *ANSWERS]
    assert run_here(["trust", "init", *answers, *at(trust)]).code == 0
    assert run_here(["sign", f"{image}:v1", *keys]).code == 0
    ran = run_here(["verify", f"{image}:v1", *at(trust), "--scope", "registry.example/app"])
    assert ran.code == 0, ran
