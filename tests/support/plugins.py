"""Plugins for tests: good by default, every answer replaceable, in this process or as an executable.

    write_plugin(libexec, Behaviour(name="good"))                                   # an executable, found by the host
    fake(Behaviour(changes={"describe-key": {"keyId": "another"}}))                 # the same without a process

What a behaviour can do wrong: see its fields. It shares no code with airgap.plugin.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # an executable does without it, and starts in half the time
    from airgap.plugin.host import Plugin

ROOT: Final = Path(__file__).resolve().parents[2]
RAW: Final = "SIGNATURE_GENERATOR.RAW"
ENVELOPE: Final = "SIGNATURE_GENERATOR.ENVELOPE"
IDENTITY: Final = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
REVOCATION: Final = "SIGNATURE_VERIFIER.REVOCATION_CHECK"
REMOVED: Final = "__removed__"
"""As a value in `changes`: the member is left out."""

_SPECS: Final = {2048: "RSA-2048", 3072: "RSA-3072", 4096: "RSA-4096", 256: "EC-256", 384: "EC-384", 521: "EC-521"}
_ALGORITHMS: Final = {
    "PS256": "RSASSA-PSS-SHA-256", "PS384": "RSASSA-PSS-SHA-384", "PS512": "RSASSA-PSS-SHA-512",
    "ES256": "ECDSA-SHA-256", "ES384": "ECDSA-SHA-384", "ES512": "ECDSA-SHA-512",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a plugin does."""

    name: str = "good"
    version: str = "1.2.3"
    capabilities: list[str] = field(default_factory=lambda: [RAW, IDENTITY, REVOCATION])
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Command to members of its answer that are replaced."""
    raw: dict[str, str] = field(default_factory=dict)
    """Command to what is written to stdout instead of the answer."""
    stderr: str = ""
    code: dict[str, int] = field(default_factory=dict)
    """Command to exit code."""
    sleep: dict[str, float] = field(default_factory=dict)
    """Command to seconds."""
    leave_child: float = 0
    """Seconds that a child of the plugin lives on, holding its output."""
    flood: dict[str, int] = field(default_factory=dict)
    """Command to bytes that are written to stdout before the answer."""
    refuse: dict[str, str] = field(default_factory=dict)
    """Capability to the reason for success false."""
    process: bool = True
    """Whether critical attributes are acknowledged."""
    log: str = ""
    """A file to which every call is written: command, request and environment."""
    keys: list[str] = field(default_factory=list)
    """PEM of the signing key first, then of another one."""
    chain: list[str] = field(default_factory=list)
    """Base64 DER, leaf first."""
    sign_other_key: bool = False
    sign_other_payload: bool = False
    envelope: dict[str, Any] = field(default_factory=dict)
    """Options for the forger of envelopes (tests.support.envelopes), in JSON."""
    payload: dict[str, Any] = field(default_factory=dict)
    """Members of targetArtifact that are replaced, in generate-envelope."""
    payload_top: dict[str, Any] = field(default_factory=dict)
    """Members beside targetArtifact that are added."""


def signing(leaf: Any, **members: Any) -> Behaviour:
    """A plugin with the key and the chain of an `Issued` certificate."""
    from tests.support.keyring import pem

    other = members.pop("other", None)
    keys = [pem(leaf.key).decode()] + ([pem(other.key).decode()] if other else [])
    chain = [base64.b64encode(item.der).decode() for item in leaf.chain]
    return Behaviour(**{"keys": keys, "chain": chain, **members})


def fake(behaviour: Behaviour) -> Plugin:
    """The plugin in this process, without its delays and exit codes."""

    def call(command: str, request: bytes, _seconds: float) -> bytes:
        return answer(behaviour, command, json.loads(request)).encode()

    from airgap.plugin.host import Plugin

    return Plugin(behaviour.name, call)


def write_plugin(libexec: Path, behaviour: Behaviour, *, name: str | None = None) -> Path:
    """The plugin as an executable below `libexec`; its path. `name`: where it differs from what it says."""
    called = name or behaviour.name
    path = libexec / "plugins" / called / f"notation-{called}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(executable(behaviour), encoding="utf-8")
    path.chmod(0o755)
    return path


def executable(behaviour: Behaviour) -> str:
    """The source of the executable."""
    return (
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        f"from tests.support.plugins import main\nmain({json.dumps(asdict(behaviour))!r})\n"
    )


def calls(log: Path) -> list[dict[str, Any]]:
    """What was written to the log: command, request, environment of each call."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def main(settings: str) -> None:
    """The executable."""
    import os

    behaviour = Behaviour(**json.loads(settings))
    command = sys.argv[1]
    request = json.load(sys.stdin)
    if behaviour.log:
        with Path(behaviour.log).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"command": command, "request": request, "environment": dict(os.environ)}) + "\n")
    if behaviour.leave_child:
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({behaviour.leave_child})"])
    time.sleep(behaviour.sleep.get(command, 0))
    sys.stderr.write(behaviour.stderr)
    for _ in range(behaviour.flood.get(command, 0) // 65536):
        sys.stdout.write(" " * 65536)
    if behaviour.code.get(command, 0) == 0:
        sys.stdout.write(answer(behaviour, command, request))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(behaviour.code.get(command, 0))


def answer(behaviour: Behaviour, command: str, request: Mapping[str, Any]) -> str:
    """What the plugin answers."""
    if command in behaviour.raw:
        return behaviour.raw[command]
    members = {**_ANSWERS[command](behaviour, request), **behaviour.changes.get(command, {})}
    return json.dumps({name: value for name, value in members.items() if value != REMOVED})


def _metadata(behaviour: Behaviour, _request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": behaviour.name,
        "description": "A plugin for tests",
        "version": behaviour.version,
        "url": "https://plugins.example/good",
        "supportedContractVersions": ["1.0"],
        "capabilities": behaviour.capabilities,
    }


def _describe_key(behaviour: Behaviour, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"keyId": request["keyId"], "keySpec": _SPECS[_leaf(behaviour).key.key_size]}


def _sign(behaviour: Behaviour, request: Mapping[str, Any]) -> dict[str, Any]:
    from tests.support.envelopes import algorithm_for, signer

    leaf = _leaf(behaviour)
    message = base64.b64decode(request["payload"]) + (b"!" if behaviour.sign_other_payload else b"")
    value = signer(_leaf(behaviour, other=behaviour.sign_other_key).key)(message)
    return {
        "keyId": request["keyId"],
        "signature": base64.b64encode(value).decode(),
        "signingAlgorithm": _ALGORITHMS[algorithm_for(leaf.key)],
        "certificateChain": behaviour.chain,
    }


def _envelope(behaviour: Behaviour, request: Mapping[str, Any]) -> dict[str, Any]:
    from datetime import timedelta

    from tests.support import envelopes

    payload = json.loads(base64.b64decode(request["payload"]))
    target = {**payload["targetArtifact"], **behaviour.payload}
    target = {name: value for name, value in target.items() if value != REMOVED}
    seconds = request.get("expiryDurationInSeconds")
    options = {
        "payload": json.dumps({**payload, "targetArtifact": target, **behaviour.payload_top}).encode(),
        "expiry": None if seconds is None else envelopes.SIGNED_AT + timedelta(seconds=seconds),
        **behaviour.envelope,
    }
    media_type = request["signatureEnvelopeType"]
    leaf = _leaf(behaviour)
    if behaviour.sign_other_key:
        options["sign"] = envelopes.signer(_leaf(behaviour, other=True).key)
    raw = envelopes.forge(media_type, leaf, **options)
    return {"signatureEnvelope": base64.b64encode(raw).decode(), "signatureEnvelopeType": media_type, "annotations": {}}


def _verify(behaviour: Behaviour, request: Mapping[str, Any]) -> dict[str, Any]:
    asked = request["trustPolicy"]["signatureVerification"]
    results = {
        check: {"success": False, "reason": behaviour.refuse[check]}
        if check in behaviour.refuse
        else {"success": True, "reason": "looks good"}
        for check in asked
    }
    processed = request["signature"]["unprocessedAttributes"] if behaviour.process else []
    return {"verificationResults": results, "processedAttributes": processed}


_ANSWERS: Final[Mapping[str, Callable[[Behaviour, Mapping[str, Any]], dict[str, Any]]]] = {
    "get-plugin-metadata": _metadata,
    "describe-key": _describe_key,
    "generate-signature": _sign,
    "generate-envelope": _envelope,
    "verify-signature": _verify,
}


def _leaf(behaviour: Behaviour, *, other: bool = False) -> Any:
    """The chain as the forger knows it, with the signing key or with another one."""
    from cryptography.hazmat.primitives import serialization

    from tests.support.pki import Issued

    issued: Issued | None = None
    private = serialization.load_pem_private_key(behaviour.keys[1 if other else 0].encode(), None)
    for number, der in reversed(list(enumerate(behaviour.chain))):
        issued = Issued(base64.b64decode(der), private, b"", number, issued)  # type: ignore[arg-type]
    return issued
