"""What people see of `airgap verify` in eight situations, at 80 and 120 columns.

`make frozen` writes them into docs/reference/verify-screens.md and screens.txt; the test beside this module compares.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import airgap
from airgap.oci.descriptor import Descriptor
from airgap.report import Style, VerifyReport
from airgap.verifier.outcome import Outcome
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.many import last_layer
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import SIGNING_CRL, Signature, add_image
from tests.support.trust import oci_policy, statement, write_trust

HERE: Final = Path(__file__).parent
WIDE: Final = HERE / "screens.txt"
PAGE: Final = HERE.parents[1] / "docs/reference/verify-screens.md"

_WEB: Final = "registry.acme.example/team/web"
_DB: Final = "registry.acme.example/team/db"
_TARGET: Final = "trip.tar"


class Stick:
    """Images signed by one publisher, in the tar `trip.tar` of the current folder, and its trust directory `trust`."""

    def __init__(self, **crls: Any) -> None:
        self.leaf, self.old = _signer(_NEW), _signer(_OLD)
        issuer = self.leaf.chain[1]
        self.crls = {
            "signing.crl": crl(issuer, revoked=[self.old], **crls),
            "signing-ca.crl": crl(self.leaf.root, **crls),
        }
        self.builder = LayoutBuilder()

    def add(self, name: str, signer: Issued | None, *, sbom: bool = False) -> Descriptor:
        """An image."""
        image = self.builder.tag(add_image(self.builder, name), name)
        if signer:
            Signature("jws", signer).attach(self.builder, image)
        if sbom and signer:
            referrer = self.builder.add_referrer(image, name.encode(), artifact_type="application/spdx+json")
            Signature("jws", signer).attach(self.builder, referrer)
        return image

    def judged(self, target: str = _TARGET, *others: str, now: datetime = AT) -> VerifyReport:
        """The report on the targets."""
        self.builder.write_tar(Path(target))
        write_trust(
            Path("trust"),
            stores={"ca:acme": [self.leaf.root]},
            crls=self.crls,
            policy=oci_policy(
                statement(
                    name="acme",
                    registryScopes=["*"],
                    trustStores=["ca:acme"],
                    trustedIdentities=["x509.subject: C=NL, ST=Zuid-Holland, O=Acme"],
                )
            ),
        )
        request = airgap.VerifyRequest(targets=[target, *others], at=now, clock=now)
        return VerifyReport(airgap.verify(request, Path("trust")))


@cache
def _signer(name: str) -> Issued:
    if name == _OLD:
        return issue("leaf", issuer=_signer(_NEW).issuer, slot=3, **_leaf(name))
    return Pki().code_chain(leaf=_leaf(name), intermediate={"crl_urls": [SIGNING_CRL.format(1)]})


def _leaf(name: str) -> dict[str, Any]:
    return {"crl_urls": [SIGNING_CRL.format(0)], "subject": f"C=NL,ST=Zuid-Holland,O=Acme,CN={name}"}


_NEW: Final = "Acme Release Builder"
_OLD: Final = "Acme Old Release Builder"


def _one_good() -> VerifyReport:
    stick = Stick()
    stick.add(f"{_WEB}:v1.4", stick.leaf, sbom=True)
    return stick.judged()


def _one_bad() -> VerifyReport:
    stick = Stick()
    stick.add(f"{_WEB}:v1.4", stick.old)
    return stick.judged()


def _twenty() -> VerifyReport:
    stick = Stick()
    for number in range(10):
        stick.add(f"{_DB}:v1.{number}", stick.leaf)
        image = stick.add(f"{_WEB}:v1.{number}", stick.leaf, sbom=True)
        if number == 8:
            layer = last_layer(stick.builder, image)
            stick.builder.damage(layer, stick.builder.blobs[layer.digest].replace(b"layer 1", b"layer 2"))
    return stick.judged()


def _two_thousand() -> VerifyReport:
    """Three images are judged; the others are called otherwise, as judging so many takes too long here."""
    stick = Stick()
    stick.add(f"{_DB}:v1", stick.leaf)
    stick.add(f"{_WEB}:v1", stick.old)
    report = stick.judged()
    good, bad = report.outcome.artifacts
    names = [f"registry.acme.example/team/app{number % 40}:v{number // 40}" for number in range(2000)]
    artifacts = [
        replace(bad if number in {81, 1282, 1283} else good, reference=f"{_TARGET}:{name}", tags=(name,))
        for number, name in enumerate(names)
    ]
    return VerifyReport(replace(report.outcome, artifacts=tuple(artifacts), read=61_203_283_968))


def _unsure() -> VerifyReport:
    stick = Stick(next_update=AT - timedelta(days=12))
    stick.add(f"{_WEB}:v1.4", stick.leaf, sbom=True)
    return stick.judged()


def _unsigned() -> VerifyReport:
    stick = Stick()
    for number in range(5):
        stick.add(f"{_WEB}:v1.{number}", stick.leaf if number != 3 else None, sbom=True)
    return stick.judged()


def _clock() -> VerifyReport:
    stick = Stick()
    stick.add(f"{_WEB}:v1.4", stick.leaf)
    return stick.judged(now=datetime(2025, 1, 1, tzinfo=AT.tzinfo))


def _several() -> VerifyReport:
    stick = Stick()
    stick.add(f"{_WEB}:v1.4", stick.leaf)
    stick.add(f"{_WEB}:v1.5", stick.leaf)
    stick.judged("a.tar")
    stick = Stick()
    stick.add(f"{_DB}:v7", stick.leaf, sbom=True)
    stick.add(f"{_DB}:v8", stick.old)
    return stick.judged("b.tar", "a.tar", "/media/stick/c.tar")


SITUATIONS: Final[Mapping[str, tuple[str, Callable[[], VerifyReport]]]] = {
    "One image, good": (_TARGET, _one_good),
    "One image, revoked": (_TARGET, _one_bad),
    "Twenty images, one damaged": (_TARGET, _twenty),
    "Two thousand images, three revoked": (_TARGET, _two_thousand),
    "Evidence that is too old": (_TARGET, _unsure),
    "A whole tar with an unsigned image": (_TARGET, _unsigned),
    "A clock that is wrong": (_TARGET, _clock),
    "Several targets, one of them missing": ("b.tar a.tar /media/stick/c.tar", _several),
}
WIDTHS: Final = (80, 120)


def screens(name: str, widths: Sequence[int] = WIDTHS) -> Iterator[str]:
    """The screen of a situation at each width: warnings, then the result."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        report = SITUATIONS[name][1]()
    for width in widths:
        style = Style(width=width)
        yield "".join(f"{line}\n" for line in (*report.warning_lines(style), *report.lines(style)))


def verdict(name: str) -> tuple[Outcome, str]:
    """The outcome of a situation, and what --quiet says."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        report = SITUATIONS[name][1]()
    return report.outcome, report.brief()


def comparable(text: str) -> str:
    """Without sizes: signatures are some bytes longer or shorter each time."""
    return re.sub(r"\d+\.\d KiB", "0.0 KiB", text)


_INTRODUCTION: Final = """\
# Screens of airgap verify

What `airgap verify` shows in eight situations, on a terminal of 80 columns. `make frozen` writes this page, and a test
compares it.

The first word and the last line are the verdict. Common facts come first, then notes, each once. Then there is a row
for an artifact or a run of tags. What failed comes last, with its cause and, behind the arrow, what to do. If there are
more good artifacts than fit a screen, there is a row for each signer; `-v` lists all, with every check and whole
digests. `-q` leaves the last line. Warnings are on standard error. In a file or a pipe, tables are as for 80 columns,
and no sentence is broken; `COLUMNS` sets another width.
"""


def page(texts: Iterable[tuple[str, str]]) -> str:
    """The page of the documentation."""
    parts = [_INTRODUCTION]
    for name, text in texts:
        parts.append(f"## {name}\n\n    airgap verify {SITUATIONS[name][0]} --trust trust\n\n```text\n{text}```\n")
    return "\n".join(parts)


def write() -> None:
    """Write the page and the wide screens anew."""
    found = {name: tuple(screens(name)) for name in SITUATIONS}
    PAGE.write_text(page((name, narrow) for name, (narrow, _) in found.items()), encoding="utf-8")
    wide = "\n".join(f"=== {name}\n\n{text}" for name, (_, text) in found.items())
    WIDE.write_text(wide, encoding="utf-8")


if __name__ == "__main__":
    write()
