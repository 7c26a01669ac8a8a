"""What people see of the other commands, at 80 and 120 columns.

`make frozen` writes them into docs/reference/screens.md and command_screens.txt; the test beside this module compares.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from unittest import mock

from airgap.oci.descriptor import Descriptor, Platform
from tests.frozen.screens import Stick, comparable
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.evidence import evidence_artifact
from tests.support.pki import AT
from tests.support.scenario import Signature

HERE: Final = Path(__file__).parent
WIDE: Final = HERE / "command_screens.txt"
PAGE: Final = HERE.parents[1] / "docs/reference/screens.md"
WIDTHS: Final = (80, 120)

_HOST: Final = "registry.acme.example"


def fill(stick: Stick) -> None:
    """Four repositories: several platforms, SBOMs with signatures, evidence, and one image without a signature."""
    for repository, kilobytes, architectures, sbom in (
        ("team/web", 400, ("amd64", "arm64"), True),
        ("team/db", 900, ("amd64",), True),
        ("platform/ingress-controller", 120, ("amd64", "arm64", "s390x", "ppc64le"), False),
        ("tools/migrate", 5, ("amd64",), False),
    ):
        for number in range(2):
            name = f"{_HOST}/{repository}:v1.{number + 9}"
            _add(stick, name, kilobytes, architectures, sbom=sbom, signed=(repository, number) != ("team/web", 1))


def _add(stick: Stick, name: str, kilobytes: int, architectures: Sequence[str], *, sbom: bool, signed: bool) -> None:
    builder = stick.builder
    images = [_image(stick, name, kilobytes, architecture) for architecture in architectures]
    image = builder.tag(builder.add_index(*images) if len(images) > 1 else images[0], name)
    if signed:
        Signature("jws", stick.leaf).attach(builder, image)
    if sbom:
        packages = [{"licenseConcluded": "Apache-2.0"}, {"licenseConcluded": "GPL-2.0-only"}]
        document = json.dumps({"spdxVersion": "SPDX-2.3", "name": name, "packages": packages}).encode()
        referrer = builder.add_referrer(image, document, artifact_type="application/spdx+json")
        Signature("jws", stick.leaf).attach(builder, referrer)
    evidence = evidence_artifact(builder, image, *stick.crls.values())
    builder.list(builder.add_manifest(evidence, artifact_type=evidence["artifactType"]))


def _image(stick: Stick, name: str, kilobytes: int, architecture: str) -> Descriptor:
    config = {"architecture": architecture, "os": "linux", "created": "2026-05-04T05:06:07Z"}
    layer = f"{name} {architecture}\n".encode().ljust(kilobytes * 1024, b".")
    platform = Platform(architecture=architecture, os="linux")
    return stick.builder.add_image(layer, config=json.dumps(config).encode(), platform=platform)


def _stick() -> None:
    stick = Stick()
    fill(stick)
    stick.builder.write_directory(Path("stick"))


def _lost() -> None:
    """The manifest of one platform and an SBOM are not there."""
    stick = Stick()
    fill(stick)
    index = next(entry for entry in stick.builder.entries if "migrate:v1.9" in str(entry.get("annotations")))
    path = stick.builder.write_directory(Path("stick")) / "blobs" / index["digest"].replace(":", "/")
    path.unlink()


def _trust() -> None:
    """Evidence that ends soon, and some that is too old."""
    stick = Stick()
    stick.crls["old.crl"] = crl(stick.leaf, next_update=AT - timedelta(days=12))
    stick.add(f"{_HOST}/team/web:v1.4", stick.leaf)
    stick.judged()


def _refused() -> None:
    """One signer is revoked."""
    stick = Stick(this_update=_LATELY - timedelta(days=1), next_update=_LATELY + timedelta(days=30))
    for number in range(4):
        stick.add(f"{_HOST}/team/web:v1.{number}", stick.old if number == 2 else stick.leaf, sbom=True)
    stick.judged()
    stick.builder.write_directory(Path("stick"))


def _fetched() -> None:
    """Everything is there."""
    stick = Stick(this_update=_LATELY - timedelta(days=1), next_update=_LATELY + timedelta(days=30, hours=1))
    stick.add(f"{_HOST}/team/web:v1.4", stick.leaf)
    stick.judged()
    stick.builder.write_directory(Path("stick"))


def _gap() -> None:
    """One CRL is missing."""
    _fetched()
    Path("trust/crls/signing.crl").unlink()


def _unsigned() -> None:
    """One of three has no signature."""
    stick = Stick(this_update=_LATELY - timedelta(days=1), next_update=_LATELY + timedelta(days=30, hours=1))
    for number in range(3):
        stick.add(f"{_HOST}/team/web:v1.{number}", None if number == 1 else stick.leaf)
    stick.judged()
    stick.builder.write_directory(Path("stick"))


def _bundled() -> None:
    """A bundle of one image."""
    _fetched()
    made = ["bundle", "create", "b", "stick", "--trust", "trust", "--no-download", "--at", "2026-06-01T12:00:00Z"]
    assert run_here([*made, "--allow-unjudged", "--allow-incomplete"]).code == 0


_LATELY: Final = datetime.now(UTC).replace(microsecond=0)


SITUATIONS: Final[Mapping[str, tuple[str, Callable[[], None]]]] = {
    "ls: a medium": ("ls stick", _stick),
    "ls: something cannot be read": ("ls stick", _lost),
    "trust status: something is stale": ("trust status --trust trust --at 2026-06-01T12:00:00Z", _trust),
    "trust expiring": ("trust expiring trip.tar --trust trust --at 2026-06-01T12:00:00Z --within 60d", _trust),
    "copy: into a layout": ("copy stick to", _stick),
    "copy: some are refused": ("copy stick to --trust trust --keep-going", _refused),
    "trust fetch: complete": ("trust fetch stick --trust trust --no-download", _fetched),
    "trust fetch: a gap": ("trust fetch stick --trust trust --no-download --require-complete", _gap),
    "inspect: one image": ("inspect stick:registry.acme.example/team/web:v1.9", _stick),
    "bundle create: one is unsigned": ("bundle create b.tar stick --trust trust --no-download", _unsigned),
    "bundle show": ("bundle show b", _bundled),
    "bundle split": ("bundle split b parts --volume-size 256KiB", _bundled),
    "discover: one image": ("discover stick:registry.acme.example/team/web:v1.9", _stick),
    "discover: something cannot be read": ("discover stick:registry.acme.example/tools/migrate:v1.9", _lost),
}


def screens(name: str, widths: Sequence[int] = WIDTHS) -> Iterator[str]:
    """The screen of a situation at each width: what is on standard error, then the result."""
    command, prepare = SITUATIONS[name]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        prepare()
        for width in widths:
            with mock.patch.dict(os.environ, {"COLUMNS": str(width)}):
                ran = run_here(command.split())
            yield ran.err + ran.out


def alike(text: str) -> str:
    """Without what differs each time: sizes, and digests of signatures."""
    text = re.sub(r"sha256:[0-9a-f]+|\b[0-9a-f]{64}\b", "sha256:0", comparable(text))
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T00:00:00Z", text)
    text = re.sub(r"(set id +|Set id )[^()]*\([^)]*\)", "set id", text)
    return re.sub(r"\d+\.\d s\b", "0.0 s", text)


_INTRODUCTION: Final = """\
# Screens of commands

What commands show on a terminal of 80 columns; [those of `airgap verify`](verify-screens.md) are on a page of their
own. `make frozen` writes this page, and a test compares it.

Results end with the outcome and the exit code. Names come before digests, which have 12 digits (`-v`: all). Tables
are as wide as they have to be and the screen allows; a cell that is too wide is broken between words. In a file or a
pipe, tables are as for 80 columns, and no sentence is broken; `COLUMNS` sets another width. Where the output has no
characters for `·`, `→` and lines of trees, ASCII replaces them.
"""


def page(texts: Iterable[tuple[str, str]]) -> str:
    """The page of the documentation."""
    parts = [_INTRODUCTION]
    parts += [f"## {name}\n\n    airgap {SITUATIONS[name][0]}\n\n```text\n{text}```\n" for name, text in texts]
    return "\n".join(parts)


def shown() -> dict[str, str]:
    """What the page shows of each situation."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return dict(re.findall(r"^## (.*)\n\n.*\n\n```text\n([^`]*)```$", text, re.MULTILINE))


def frozen() -> dict[str, str]:
    """The wide screens."""
    text = WIDE.read_text(encoding="utf-8") if WIDE.exists() else ""
    return dict(re.findall(r"^=== (.*)\n\n((?:(?!===).*\n)*)", text, re.MULTILINE))


def write() -> None:
    """Write the page and the wide screens anew; what differs only by chance stays."""
    narrow, wide = shown(), frozen()
    for name in SITUATIONS:
        found = screens(name)
        for texts, text in zip((narrow, wide), found, strict=True):
            if alike(texts.get(name, "")).strip() != alike(text).strip():
                texts[name] = text
    PAGE.write_text(page((name, narrow[name]) for name in SITUATIONS), encoding="utf-8")
    WIDE.write_text("\n".join(f"=== {name}\n\n{wide[name].strip()}\n" for name in SITUATIONS), encoding="utf-8")


if __name__ == "__main__":
    write()
