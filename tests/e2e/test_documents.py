"""Each command with `--format json` writes one document that follows its schema, when it succeeds and when it fails.

`Ran.document` holds every document of every test to the schema that it names. Here each command ends well once and
badly once, so that none is left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from tests.frozen.faces import SCENES as FROZEN
from tests.support.command import Ran, root_command, run_here
from tests.support.ledgers import make
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import with_everything
from tests.support.snapshots import Ground

ROOT: Final = Path(__file__).resolve().parents[2]
JSON: Final = ("--format", "json")


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "list_commands"):
        names = {option for parameter in command.params for option in parameter.opts}
        if "--format" in names:
            yield " ".join(path)
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))


COMMANDS: Final = tuple(_leaves(root_command()))


def _trust(place: Path) -> Path:
    return with_everything().write(place).trust


def _key(place: Path, *then: str) -> Ran:
    made = ["key", "generate", "one", "--key-config", str(place / "keys"), *JSON]
    ran = run_here(made)
    return run_here([*then, "--key-config", str(place / "keys"), *JSON]) if then else ran


def _key_add(place: Path) -> Ran:
    document = _key(place).document
    key, chain = (item["path"] for item in document["changed"] if item["what"] in {"key", "chain"})
    files = ["--private-key", key, "--chain", chain]
    return run_here(["key", "add", "two", *files, "--key-config", str(place / "keys"), *JSON])


def _cert(place: Path, *words: str) -> Ran:
    trust = shutil.copytree(ROOT / "layouts/trust", place / "trust")
    file = next(trust.glob("truststore/x509/ca/*/*"))
    store = ["--type", "ca", "--store", file.parent.name, "--trust", str(trust)]
    if words == ("add",):
        store[3] = "other"
        return run_here(["trust", "cert", "add", str(file), *store, *JSON])
    return run_here(["trust", "cert", words[0], file.name, *words[1:], *store, *JSON])


def _trust_init(place: Path) -> Ran:
    file = next((ROOT / "layouts/trust").glob("truststore/x509/ca/*/*"))
    der = load_pem_x509_certificate(file.read_bytes())
    words = ["--cert", str(file), "--sha256", der.fingerprint(SHA256()).hex(), "--store", "one", "--scope", "*"]
    return run_here(["trust", "init", *words, "--trusted-identity", "*", "--trust", str(place / "trust"), *JSON])


def _policy(place: Path, *words: str) -> Ran:
    trust = place / "trust"
    init = ["trust", "policy", "init", "--name", "all", "--trust-store", "ca:acme", "--scope", "*"]
    ran = run_here([*init, "--trusted-identity", "*", "--trust", str(trust), *JSON])
    if not words:
        return ran
    words = tuple(word.format(trust / "trustpolicy.oci.json") for word in words)
    return run_here(["trust", "policy", *words, "--trust", str(trust), *JSON])


def _snapshot(place: Path, *words: str) -> Ran:
    ground = Ground(place)
    ground.pin()
    reference = ground.packed()
    trust = ["--trust", str(ground.location.path)]
    if words[0] == "create":
        return run_here(["trust", "snapshot", "create", "-o", str(place / "new"), *trust, "--at", "2026-06-02", *JSON])
    if words[0] == "sign":
        key, chain = ground.write_key()
        options = ["--private-key", str(key), "--chain", str(chain)]
        return run_here(["trust", "snapshot", "sign", ground.packed("two", signed=False), *options, *JSON])
    if words[0] == "diff":
        return run_here(["trust", "snapshot", "diff", reference, *trust, *JSON])
    run_here(["trust", "snapshot", "apply", reference, *trust, "--at", "2026-06-02", *JSON])
    return run_here(["trust", "snapshot", "undo", *trust, *JSON])


def _pin(place: Path, *words: str) -> Ran:
    ground = Ground(place)
    trust = ["--trust", str(ground.location.path)]
    if words[0] == "list":
        ground.pin()
        return run_here(["trust", "pin", "list", *trust, *JSON])
    if words[0] == "delete":
        return run_here(["trust", "pin", "delete", ground.pin().id, *trust, *JSON])
    _, chain = ground.write_key()
    pin = ground.pin()
    run_here(["trust", "pin", "delete", pin.id, *trust])
    confirmed = [word for _, fingerprint in pin.compared for word in ("--yes-fingerprint", fingerprint)]
    return run_here(["trust", "pin", "add", str(chain), *confirmed, *trust, *JSON])


def _split(place: Path) -> Ran:
    written = with_everything().write(place)
    run_here(["copy", f"{written.layout}:v1", str(place / "b.tar")])
    return run_here(["bundle", "split", str(place / "b.tar"), str(place / "to"), "--volume-size", "1M", *JSON])


def _ledger_export(place: Path) -> Ran:
    make(place / "site.ledger")
    return run_here(["ledger", "export", "--ledger", str(place / "site.ledger"), "-o", str(place / "e"), *JSON])


def _receipt_show(place: Path) -> Ran:
    make(place / "site.ledger")
    run_here(["receipt", "create", "-o", str(place / "r.json"), "--ledger", str(place / "site.ledger")])
    return run_here(["receipt", "show", str(place / "r.json"), *JSON])


def _blob_sign(place: Path) -> Ran:
    (place / "file").write_bytes(b"file")
    return _key(place, "blob", "sign", str(place / "file"), "--key", "one")


def _credentials(place: Path, word: str) -> Ran:
    config = ["--registry-config", str(place / "config.json"), *JSON]
    with LoopbackRegistry() as registry:
        if word == "login":
            return run_here(["login", registry.host, "-u", "ada", "-p", "word", *config])
        return run_here(["logout", registry.host, *config])


def _import(place: Path) -> Ran:
    written = with_everything().write(place)
    with LoopbackRegistry() as registry:
        words = ["import", written.target, registry.host, "--trust", str(written.trust)]
        return run_here([*words, "--ledger", str(place / "site.ledger"), *JSON])


def _run(*words: str) -> Callable[[Path], Ran]:
    return lambda place: run_here([*(word.format(place) for word in words), *JSON])


ALIKE: Final = {
    "verify": "verify good",
    "copy": "copy",
    **{name: name for name in FROZEN if name in COMMANDS},
}
GOOD: Final[Mapping[str, Callable[[Path], Ran]]] = {
    **{command: FROZEN[name] for command, name in ALIKE.items()},
    "bundle split": _split,
    "import": _import,
    "demo": _run("demo", "--to", "{}/demo"),
    "doctor": _run("doctor"),
    "version": _run("version"),
    "help": _run("help", "references"),
    "trust cert add": lambda place: _cert(place, "add"),
    "trust cert list": _run("trust", "cert", "list", "--trust", str(ROOT / "layouts/trust")),
    "trust cert show": lambda place: _cert(place, "show"),
    "trust cert delete": lambda place: _cert(place, "delete", "--yes"),
    "trust policy init": _policy,
    "trust policy add": lambda place: _policy(
        place, "add", "--name", "two", "--trust-store", "ca:b", "--scope", "r.example/two", "--trusted-identity", "*"
    ),
    "trust init": _trust_init,
    "trust policy import": lambda place: _policy(place, "import", "{}", "--force"),
    "trust policy show": lambda place: _policy(place, "show"),
    "trust policy check": lambda place: _policy(place, "check", "registry.example/app", "--file", "{}"),
    "trust snapshot create": lambda place: _snapshot(place, "create"),
    "trust snapshot sign": lambda place: _snapshot(place, "sign"),
    "trust snapshot diff": lambda place: _snapshot(place, "diff"),
    "trust snapshot undo": lambda place: _snapshot(place, "undo"),
    "trust pin add": lambda place: _pin(place, "add"),
    "trust pin list": lambda place: _pin(place, "list"),
    "trust pin delete": lambda place: _pin(place, "delete"),
    "trust export": _run("trust", "export", "{}/out", "--for", "notation", "--trust", str(ROOT / "layouts/trust")),
    "ledger export": _ledger_export,
    "receipt show": _receipt_show,
    "blob sign": _blob_sign,
    "key add": _key_add,
    "key list": lambda place: _key(place, "key", "list"),
    "key default": lambda place: _key(place, "key", "default", "one"),
    "key delete": lambda place: _key(place, "key", "delete", "one"),
    "key generate": _key,
    "plugin list": _run("plugin", "list"),
    "plugin uninstall": _run("plugin", "uninstall", "--yes", "none"),
    "login": lambda place: _credentials(place, "login"),
    "logout": lambda place: _credentials(place, "logout"),
}
OTHERS: Final = {
    "plugin install": "tests/e2e/test_plugins.py",
    "receipt request": "tests/copy/test_import_delta.py",
    "timestamp add": "tests/e2e/test_sign_command.py",
}
"""Whose scene takes a plugin, an authority or a delta: where their documents are held to their schemas."""
ASKING: Final = {"trust policy edit"}
"""Needs a terminal and an editor; its document is that of `trust policy add`."""
NOT_ZERO: Final = frozenset({"doctor", "import", "ledger check", "plugin uninstall", "trust expiring", "trust export"})
"""Whose scene ends with another code, or with one that depends on the day or the machine."""


def test_every_command_has_a_scene() -> None:
    assert {*GOOD, *OTHERS, *ASKING} == {*COMMANDS}
    for command, file in OTHERS.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert '"json"' in text, command
        assert ".document" in text, command


@pytest.mark.parametrize("command", GOOD)
def test_the_document_of_a_good_end(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRGAP_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path / "libexec"))
    ran = GOOD[command](tmp_path)
    document = ran.document
    assert document.get("exit_code", ran.code) == ran.code
    assert (document["schema"] == "airgap.error/1") is (command == "plugin uninstall"), ran
    assert ran.code == 0 or command in NOT_ZERO, ran


@pytest.mark.parametrize("command", COMMANDS)
def test_the_document_of_options_that_make_no_sense(command: str) -> None:
    ran = run_here([*command.split(), "--no-such-option", *JSON])
    assert ran.code == 2
    document = ran.document
    assert document["schema"] == "airgap.error/1"
    assert document["exit_code"] == 2
    assert document["error"]["remedy"] == f"airgap {command} --help shows what there is."
