"""What users and their programs meet: every help text, and the shape of every JSON document.

`make frozen` writes them into this folder, and the test beside this module compares. A change shows in the diff, so
that it is made on purpose, and is in the documents.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from unittest import mock

from airgap import __version__
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from tests.support.blobs import BlobScene
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.fetching import site
from tests.support.layouts import LayoutBuilder
from tests.support.ledgers import change, make
from tests.support.scenario import SIGNING_CRL, Scene, with_everything
from tests.support.signing import key_options
from tests.support.snapshots import Ground

HERE: Final = Path(__file__).parent
HELP: Final = HERE / "help.txt"
DOCUMENTS: Final = HERE / "documents.json"

_DAY: Final = ["--at", "2026-06-02"]


def help_texts() -> str:
    """The help of every command, in the order in which they are shown."""
    with mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}):
        return "\n".join(_help_of(()))


def _help_of(command: tuple[str, ...]) -> Iterator[str]:
    text = run_here([*command, "--help"]).out
    yield f"=== airgap {' '.join(command)}".rstrip() + f"\n\n{text.strip()}\n"
    _, found, listed = text.partition("\nCommands:\n")
    for match in re.finditer(r"^  ([a-z-]+)", listed if found else "", re.MULTILINE):
        yield from _help_of((*command, match[1]))


def documents() -> dict[str, Any]:
    """One JSON document of each kind, with what differs from run to run replaced by its kind."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: document(name, Path(folder)) for name in SCENES}


def document(name: str, folder: Path) -> dict[str, Any]:
    """The one of a scene, made in `folder`."""
    place = folder / name.replace(" ", "-")
    place.mkdir()
    ran = SCENES[name](place)
    return {"exit code": ran.code, "document": _shape(ran.document, str(folder))}


def _verify_good(place: Path) -> Ran:
    return run_here(with_everything().write(place).arguments())


def _verify_revoked(place: Path) -> Ran:
    scene = with_everything()
    leaf = scene.signature.leaf
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[leaf])})
    return run_here(scene.write(place).arguments())


def _verify_unsigned_and_damaged(place: Path) -> Ran:
    scene = Scene(index=True, refer=lambda written: str(written.layout))
    scene.packing.append(_add_unsigned)
    written = scene.write(place)
    layer = max((written.layout / "blobs/sha256").iterdir(), key=lambda path: (path.stat().st_size, path.name))
    layer.write_bytes(layer.read_bytes()[:-1])
    return run_here(written.arguments())


def _add_unsigned(builder: LayoutBuilder, _: Descriptor) -> None:
    builder.tag(builder.add_image(b"unsigned"), "unsigned")


def _recheck(place: Path) -> Ran:
    written = with_everything().write(place)
    report = place / "report.json"
    run_here(written.arguments("--report", str(report)))
    return run_here(["recheck", str(report), "--trust", str(written.trust), *_DAY, "--format", "json"])


def _ledger(place: Path, *arguments: str) -> Ran:
    written = with_everything().write(place)
    ledger = ["--ledger", str(place / "site.ledger")]
    run_here(written.arguments(*ledger))
    return run_here([*arguments, *ledger, "--format", "json"])


def _ledger_check(place: Path) -> Ran:
    written = with_everything().write(place)
    run_here(written.arguments("--ledger", str(place / "site.ledger")))
    change(place / "site.ledger", "UPDATE rows SET verdict = 'fail'")
    return run_here(["ledger", "check", str(place / "site.ledger"), "--format", "json"])


def _receipt(place: Path) -> Ran:
    ledger = place / "site.ledger"
    make(ledger)
    return run_here(["receipt", "create", "-o", str(place / "r.json"), "--ledger", str(ledger), "--format", "json"])


def _bundle(*words: str) -> Callable[[Path], Ran]:
    """A command about a new bundle, named by `{}`."""

    def run(place: Path) -> Ran:
        written = with_everything().write(place)
        made = ["bundle", "create", str(place / "b"), written.target, "--trust", str(written.trust), "--no-download"]
        options = ["--stream", "monthly", "--number", "4", "--at", iso(written.at), "--scope", written.scope or ""]
        ran = run_here([*made, *options, "--format", "json"])
        if not words:
            return ran
        return run_here(["bundle", *(word.format(place / "b") for word in words), "--format", "json"])

    return run


def _expiring(place: Path) -> Ran:
    written = with_everything().write(place)
    trust = ["--trust", str(written.trust), *_DAY, "--within", "3650d"]
    return run_here(["trust", "expiring", written.target, *trust, "--format", "json"])


def _status(place: Path) -> Ran:
    written = with_everything().write(place)
    return run_here(["trust", "status", "--trust", str(written.trust), *_DAY, "--format", "json"])


def _layout(place: Path) -> str:
    written = with_everything().write(place)
    return f"{written.layout}:v1"


def _copy(place: Path) -> Ran:
    return run_here(["copy", _layout(place), str(place / "to"), "--format", "json"])


def _copy_dry(place: Path) -> Ran:
    return run_here(["copy", "--dry-run", _layout(place), str(place / "to.tar"), "--format", "json"])


def _discover(place: Path) -> Ran:
    run_here(["copy", _layout(place), str(place / "to")])
    return run_here(["discover", str(place / "to"), "--format", "json"])


def _ls(place: Path) -> Ran:
    run_here(["copy", _layout(place), str(place / "to")])
    return run_here(["ls", str(place / "to"), "--format", "json"])


def _inspect(place: Path) -> Ran:
    return run_here(["inspect", _layout(place), "--format", "json"])


def _sign(place: Path) -> Ran:
    scene = Scene()
    leaf = scene.signature.leaf
    written = scene.write(place)
    return run_here(["sign", f"{written.layout}:v1", *key_options(place, leaf), "--format", "json"])


def _attach(place: Path) -> Ran:
    sbom = place / "sbom.json"
    sbom.write_text("{}")
    return run_here(
        ["attach", str(sbom), _layout(place), "--artifact-type", "application/spdx+json", "--format", "json"]
    )


def _fetch(place: Path) -> Ran:
    with site(place) as here:
        here.sign()
        here.serve()
        return run_here(["trust", "fetch", here.written.target, "--trust", str(here.trust), "--format", "json"])


def _blob_verify(place: Path) -> Ran:
    return run_here([*BlobScene(place).write().verify(), "--format", "json"])


def _blob_inspect(place: Path) -> Ran:
    return run_here(["blob", "inspect", str(BlobScene(place).write().signature), "--format", "json"])


def _snapshot(command: str) -> Callable[[Path], Ran]:
    def run(place: Path) -> Ran:
        ground = Ground(place)
        ground.pin()
        reference = ground.packed()
        arguments = ["--trust", str(ground.location.path), "--at", "2026-06-02"] if command != "show" else []
        return run_here(["trust", "snapshot", command, reference, *arguments, "--format", "json"])

    return run


SCENES: Final[Mapping[str, Callable[[Path], Ran]]] = {
    "verify good": _verify_good,
    "verify revoked": _verify_revoked,
    "verify unsigned and damaged": _verify_unsigned_and_damaged,
    "recheck": _recheck,
    "ledger list": lambda place: _ledger(place, "ledger", "list"),
    "ledger show": lambda place: _ledger(place, "ledger", "show", "1"),
    "ledger check": _ledger_check,
    "ledger prune": lambda place: _ledger(place, "ledger", "prune", "--before", "2090-01-01", "--yes"),
    "ledger note": lambda place: _ledger(place, "ledger", "note", "seen", "--about", "stick-7", "--by", "Ada"),
    "receipt create": _receipt,
    "bundle create": _bundle(),
    "bundle show": _bundle("show", "{}"),
    "bundle diff": _bundle("diff", "{}", "{}"),
    "trust status": _status,
    "trust expiring": _expiring,
    "copy": _copy,
    "copy dry run": _copy_dry,
    "ls": _ls,
    "discover": _discover,
    "inspect": _inspect,
    "sign": _sign,
    "attach": _attach,
    "trust fetch": _fetch,
    "blob verify": _blob_verify,
    "blob inspect": _blob_inspect,
    "trust snapshot show": _snapshot("show"),
    "trust snapshot verify": _snapshot("verify"),
    "trust snapshot apply": _snapshot("apply"),
}

_WORDS: Final = 4
"""A text of so many words is a sentence for people: it may change."""


def _shape(value: Any, folder: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {_text(name, folder): _shape(item, folder, name) for name, item in value.items()}
    if isinstance(value, list):
        shapes = [_shape(item, folder, key) for item in value]
        return [shape for number, shape in enumerate(shapes) if shape not in shapes[:number]]
    if isinstance(value, str):
        return "<serial>" if key == "serial" else _text(value, folder)
    if isinstance(value, int | float) and not isinstance(value, bool) and key != "exit_code":
        return "<number>"
    return value


def _text(text: str, folder: str) -> str:
    if folder in text:
        return "<path>"
    text = re.sub(r"\bsha(256|384|512):[0-9a-f]{64,128}", "<digest>", text)
    text = re.sub(r"\b[0-9a-f]{8,128}\b", "<hex>", text)
    text = re.sub(r"[A-Za-z0-9+/]{60,}={0,2}", "<base64>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "<host>", text)
    text = text.replace(__version__, "<version>")
    return "<sentence>" if len(text.split()) >= _WORDS else text


def write() -> None:
    """Write both files anew."""
    HELP.write_text(help_texts(), encoding="utf-8")
    DOCUMENTS.write_text(json.dumps(documents(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
