"""Plugins through the command: installed, signing, verifying where they are allowed, and refused for wrong answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from tests.support import envelopes
from tests.support.command import Ran, run_here, run_process
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, Pki
from tests.support.plugins import (
    ENVELOPE,
    IDENTITY,
    RAW,
    REVOCATION,
    Behaviour,
    calls,
    executable,
    signing,
    write_plugin,
)
from tests.support.scenario import Scene, add_image
from tests.support.trust import write_trust

LEAF = Pki().code_chain()
SECRET = "do-not-show"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home of its own for every test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path / "libexec"))
    for name in ("AIRGAP_KEYS", "NOTATION_LIBEXEC", "NOTATION_CONFIG", "NOTATION_PASSWORD", "AIRGAP_TRUST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def layout(folder: Path) -> Path:
    stick = LayoutBuilder()
    stick.tag(add_image(stick), "v1")
    return stick.write_directory(folder / "layout")


def trust(folder: Path, leaf: Issued = LEAF) -> Path:
    return write_trust(folder / "trust", stores={"ca:harbour": [leaf.root]})


def sign(folder: Path, *more: str, runner: Any = run_here) -> Ran:
    target = f"oci:{folder / 'layout'}:v1"
    ran: Ran = runner(["sign", target, *more])
    return ran


def verified(folder: Path, *more: str, runner: Any = run_here) -> Ran:
    arguments = ["verify", f"oci:{folder / 'layout'}:v1", "--trust", str(trust(folder)), "--format", "json"]
    ran: Ran = runner([*arguments, *more])
    ran.check_sound()
    return ran


# Signing


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize("capability", [RAW, ENVELOPE])
def test_verifies_signatures_of_a_plugin(tmp_path: Path, form: str, capability: str) -> None:
    """PLUGIN-22 to PLUGIN-25; one of them with the installed command."""
    runner = run_process if (capability, form) == (RAW, "jws") else run_here
    log = tmp_path / "log"
    write_plugin(tmp_path / "libexec", signing(LEAF, capabilities=[capability], log=str(log)))
    layout(tmp_path)
    options = ["--plugin", "good", "--id", "k7", "--plugin-config", "region=here", "--signature-format", form]
    ran = sign(tmp_path, *options, "-m", "build=7", runner=runner)
    assert (ran.code, "Successfully signed" in ran.out) == (0, True), ran
    judged = verified(tmp_path, "-m", "build=7", runner=runner)
    assert (judged.code, judged.document["verdict"]) == (0, "pass"), judged
    assert judged.document["network"]["plugins"] == []
    made = calls(log)
    commands = {RAW: ["describe-key", "generate-signature"], ENVELOPE: ["generate-envelope"]}[capability]
    assert [call["command"] for call in made] == ["get-plugin-metadata", *commands]
    assert {call["request"]["keyId"] for call in made[1:]} == {"k7"}
    assert {call["request"]["pluginConfig"]["region"] for call in made[1:]} == {"here"}
    assert all(SECRET not in json.dumps(call) for call in made)


def test_a_named_key_of_a_plugin_signs_with_its_configuration_overlaid(tmp_path: Path) -> None:
    """PLUGIN-30, CLI-10, D43."""
    log = tmp_path / "log"
    write_plugin(tmp_path / "libexec", signing(LEAF, capabilities=[RAW], log=str(log)))
    layout(tmp_path)
    added = run_here(
        ["key", "add", "remote", "--plugin", "good", "--id", "k7", "--plugin-config", "a=1", "--plugin-config", "b=2"]
    )
    assert added.code == 0, added
    assert sign(tmp_path, "--key", "remote", "--plugin-config", "b=3").code == 0
    assert calls(log)[-1]["request"]["pluginConfig"] == {"a": "1", "b": "3"}
    assert verified(tmp_path).code == 0


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "other-key": ({"other": Pki().code_chain(leaf={"slot": 4}), "sign_other_key": True}, "gave a signature value"),
    "other-payload": ({"sign_other_payload": True}, "signed other bytes"),
    "other-algorithm": ({"changes": {"generate-signature": {"signingAlgorithm": "ECDSA-SHA-512"}}}, "demands ECDSA-"),
    "other-key-id": ({"changes": {"generate-signature": {"keyId": "x"}}}, "answers for the key 'x'"),
    "no-json": ({"raw": {"generate-signature": "thanks"}}, "cannot be read"),
    "error": (
        {"code": {"generate-signature": 1}, "stderr": '{"errorCode":"ACCESS_DENIED","errorMessage":"not you"}'},
        r"not you (ACCESS_DENIED)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lie", "says"), LIES.values(), ids=LIES)
def test_attaches_nothing_after_a_wrong_answer_or_failure_of_a_plugin(
    tmp_path: Path, lie: dict[str, Any], says: str
) -> None:
    write_plugin(tmp_path / "libexec", signing(LEAF, capabilities=[RAW], **lie))
    stick = layout(tmp_path)
    before = sorted((path, path.stat().st_size) for path in stick.rglob("*"))
    ran = sign(tmp_path, "--plugin", "good", "--id", "k7")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (1, True, False), ran
    assert sorted((path, path.stat().st_size) for path in stick.rglob("*")) == before


@pytest.mark.parametrize("command", ["get-plugin-metadata", "describe-key", "generate-signature"])
def test_attaches_nothing_after_a_timeout_of_a_plugin(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PLUGIN_METADATA_SECONDS", 2)
    monkeypatch.setattr(limits, "PLUGIN_SECONDS", 2)
    write_plugin(tmp_path / "libexec", signing(LEAF, sleep={command: 60}))
    stick = layout(tmp_path)
    before = sorted(stick.rglob("*"))
    ran = sign(tmp_path, "--plugin", "good", "--id", "k7")
    assert (ran.code, f"{command} did not end within 2 seconds" in ran.err) == (1, True), ran
    assert sorted(stick.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--plugin", "good"], "--plugin and --id belong together"),
        (["--id", "k"], "--plugin and --id belong together"),
        (["--plugin", "good", "--id", "k", "--key", "a"], "--key and --plugin name different keys"),
        (["--plugin", "good", "--id", "k", "--plugin-config", "x"], "is not KEY=VALUE"),
    ],
)
def test_refuses_contradictory_signing_options(tmp_path: Path, options: list[str], says: str) -> None:
    layout(tmp_path)
    ran = sign(tmp_path, *options)
    assert (ran.code, says in ran.err) == (2, True), ran


def test_refuses_a_missing_plugin(tmp_path: Path) -> None:
    layout(tmp_path)
    ran = sign(tmp_path, "--plugin", "good", "--id", "k")
    assert (ran.code, "is not installed" in ran.err, "airgap plugin list" in ran.err) == (1, True, True), ran


# Verifying


def demanding(**extended: str) -> dict[str, Any]:
    crit = [envelopes.SCHEME, envelopes.PLUGIN, *extended]
    return {"crit": crit, envelopes.PLUGIN: "good", **extended}


def scene(**extended: str) -> Scene:
    made = Scene()
    made.signature.options["protected"] = demanding(**extended)
    return made


def test_runs_a_plugin_only_where_it_is_allowed(tmp_path: Path) -> None:
    """D26, VERIFY-25: the report says which ran."""
    log = tmp_path / "log"
    write_plugin(tmp_path / "libexec", Behaviour(log=str(log)))
    written = scene(**{"com.example.job": "7"}).write(tmp_path / "scene")
    for more in ([], ["--allow-plugin", "other"]):
        ran = run_here(written.arguments(*more))
        assert (ran.code, set(ran.reasons)) == (13, {"plugin.required"}), ran
    plain = scene().write(tmp_path / "plain")
    ran = run_here(plain.arguments())
    assert (ran.code, set(ran.reasons), ran.document["network"]["plugins"]) == (13, {"plugin.required"}, []), ran
    assert calls(log) == []
    ran = run_process(written.arguments("--allow-plugin", "good", "--plugin-config", "a=b"))
    assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran
    assert ran.document["network"] == {"guard": True, "attempts": 0, "plugins": ["good"]}
    assert [signature["plugin"] for signature in ran.document["artifacts"][0]["signatures"]] == ["good"]
    made = calls(log)
    assert [call["command"] for call in made] == ["get-plugin-metadata", "verify-signature"]
    assert made[1]["request"]["pluginConfig"] == {"a": "b"}
    assert all(SECRET not in json.dumps(call) for call in made)
    text = run_here([item for item in written.arguments("--allow-plugin", "good") if item not in {"--format", "json"}])
    assert "plugins were run, which may use the network: good" in text.out


@pytest.mark.parametrize(
    ("behaviour", "reason", "code"),
    [
        (Behaviour(refuse={IDENTITY: "no"}), "identity.plugin", 13),
        (Behaviour(refuse={REVOCATION: "revoked"}), "revocation.plugin", 14),
        (Behaviour(process=False), "envelope.critical.unknown", 12),
        (Behaviour(code={"verify-signature": 1}), "plugin.failed", 13),
        (Behaviour(code={"verify-signature": 3}, stderr="{"), "plugin.failed", 13),
        (Behaviour(flood={"verify-signature": 9 << 20}), "plugin.failed", 13),
        (Behaviour(version="0.9"), "plugin.failed", 13),
    ],
    ids=["identity", "revoked", "unprocessed", "exit-1", "exit-3", "flood", "version"],
)
def test_the_answer_or_failure_of_a_plugin_decides(
    tmp_path: Path, behaviour: Behaviour, reason: str, code: int
) -> None:
    """VERIFY-21 to VERIFY-24, NEG-125 to NEG-127."""
    write_plugin(tmp_path / "libexec", behaviour)
    ran = run_here(scene(**{"com.example.job": "7"}).write(tmp_path / "scene").arguments("--allow-plugin", "good"))
    ran.check_sound()
    assert (ran.code, set(ran.reasons), ran.document["verdict"]) == (code, {reason}, "fail"), ran


def _moved(to: str) -> Callable[[Path], object]:
    def move(path: Path) -> None:
        target = path.parent.parent / to
        target.parent.mkdir(exist_ok=True)
        path.rename(target)

    return move


@pytest.mark.parametrize(
    ("spoil", "words", "remedy"),
    [
        (Path.unlink, "it is not installed", "airgap plugin install"),
        (_moved("good/good"), "there is", "move it to"),
        (_moved("notation-good/notation-good"), "there is", "move it to"),
        (_moved("notation-good"), "there is", "move it to"),
        (lambda path: path.chmod(0o644), "is not executable", "chmod u+x"),
        (lambda path: path.write_bytes(b"\x7fELF" + bytes(99)), "no program for this system", "built for this system"),
        (
            lambda path: path.write_text("#!/none/python\n"),
            "what it needs to run is not there",
            "Install what it needs",
        ),
    ],
    ids=["gone", "file", "folder", "flat", "mode", "processor", "interpreter"],
)
def test_reports_a_plugin_that_cannot_run_with_a_remedy(
    tmp_path: Path, spoil: Callable[[Path], object], words: str, remedy: str
) -> None:
    """The remedy was "Read the plugin's message" where there was no plugin."""
    spoil(write_plugin(tmp_path / "libexec", Behaviour()))
    ran = run_here(scene().write(tmp_path / "scene").arguments("--allow-plugin", "good"))
    assert ran.code == 13
    found = [item for item in ran.document["artifacts"][0]["signatures"][0]["findings"] if item["verdict"] == "fail"]
    assert {item["reason"] for item in found} == {"plugin.failed"}
    assert all(words in item["message"] and remedy in item["remedy"] for item in found), found


def test_refuses_contradictory_plugin_options(tmp_path: Path) -> None:
    written = scene().write(tmp_path / "scene")
    for more in (["--plugin-config", "a=b"], ["--allow-plugin", "good", "--plugin-config", "a"]):
        assert run_here(written.arguments(*more)).code == 2
    assert run_here(written.arguments("--allow-plugin", "../good")).code == 2


def test_verifies_with_the_plugin_that_an_envelope_demands(tmp_path: Path) -> None:
    """A service that signs, and whose own plugin verifies: both ways at once."""
    protected = demanding(**{"com.example.job": "7"})
    behaviour = signing(LEAF, capabilities=[ENVELOPE, IDENTITY, REVOCATION], envelope={"protected": protected})
    write_plugin(tmp_path / "libexec", behaviour)
    layout(tmp_path)
    assert sign(tmp_path, "--plugin", "good", "--id", "k7").code == 0
    assert verified(tmp_path).reasons == {"plugin.required"}
    assert verified(tmp_path, "--allow-plugin", "good").code == 0


# Managing


def test_installs_lists_and_uninstalls(tmp_path: Path) -> None:
    """PLUGIN-3, PLUGIN-4."""
    source = tmp_path / "notation-good"
    source.write_text(executable(Behaviour()), encoding="utf-8")
    checksum = hashlib.sha256(source.read_bytes()).hexdigest()
    assert "No plugin is installed" in run_here(["plugin", "list"]).out
    refused = run_here(["plugin", "install", str(source)])
    assert (refused.code, checksum in refused.err) == (2, True), refused
    done = run_here(["plugin", "install", "--file", str(source), "--sha256sum", checksum])
    assert (done.code, "Installed the plugin good 1.2.3" in done.out) == (0, True), done
    again = run_here(["plugin", "install", str(source), "--sha256sum", checksum])
    assert (again.code, "already installed" in again.err, "--force" in again.err) == (1, True, True), again
    forced = run_here(["plugin", "install", str(source), "--sha256sum", checksum, "--force", "--format", "json"])
    assert forced.code == 0
    assert [(item["what"], item["change"]) for item in forced.document["changed"]] == [("plugin", "added")]
    listed = run_here(["plugin", "list", "--format", "json"]).document
    assert [(item["name"], item["version"], item["problem"]) for item in listed["plugins"]] == [("good", "1.2.3", None)]
    assert run_here(["plugin", "list"]).out.startswith("good  1.2.3  ")
    assert run_process(["plugin", "uninstall", "good"]).code == 2  # no terminal to ask on
    gone = run_here(["plugin", "uninstall", "--yes", "good"])
    assert (gone.code, "Removed" in gone.out) == (0, True), gone
    assert run_here(["plugin", "uninstall", "-y", "good"]).code == 11
    assert run_here(["plugin", "install"]).code == 2


def test_a_broken_plugin_is_listed_with_its_problem(tmp_path: Path) -> None:
    write_plugin(tmp_path / "libexec", Behaviour(version="\x1b[2J"))
    ran = run_here(["plugin", "list"])
    assert ran.code == 1
    assert "cannot be used" in ran.out
    assert "\x1b" not in ran.out


def test_uses_notations_plugins_without_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRGAP_LIBEXEC")
    write_plugin(tmp_path / "config" / "notation", Behaviour())
    assert [item["name"] for item in run_here(["plugin", "list", "--format", "json"]).document["plugins"]] == ["good"]
