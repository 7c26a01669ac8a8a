"""Every example in docs/how-to/write-a-trust-policy.md accepts and refuses what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import envelopes
from tests.support.command import Ran, run_here
from tests.support.pki import AT, END, Issued, Pki
from tests.support.scenario import SIGNING_CRL, TSA_CRL, Scene, Signature, chain_with_crls, good_crls
from tests.support.tsa import token

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/write-a-trust-policy.md"
WEB, DB, ROUTER = "registry.example/acme/web", "registry.example/acme/db", "registry.example/zenith/router"
SHELL: Final = "registry.example/tools/shell"
AFTER_END: Final = END + timedelta(days=30)


@cache
def examples() -> dict[int, tuple[dict[str, Any], str | None]]:
    """The policy of each section by its number, and the airgap.toml where there is one."""
    sections = re.split(r"^## (\d+)\. .+$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for number, text in zip(sections[::2], sections[1::2], strict=True):
        (policy,) = re.findall(r"^```json\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)
        freshness = re.findall(r"^```toml\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)
        found[int(number)] = (json.loads(policy), freshness[0] if freshness else None)
    return found


@cache
def acme() -> Issued:
    return Pki().code_chain(leaf={"subject": "C=US,ST=WA,O=Acme,CN=signer"})


@cache
def stranger() -> Issued:
    return Pki().code_chain()


@cache
def with_points() -> Issued:
    """A signer whose certificates name CRLs."""
    return chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)


@cache
def clock() -> Issued:
    return chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)


def scene(number: int, scope: str, signer: Issued | None, **signature: Any) -> Scene:
    """An image judged by an example; the stores that it names hold the roots of `acme`, and `ca:zenith` the other."""
    policy, freshness = examples()[number]
    made = Scene(scope=scope, policy=policy, freshness=freshness)
    made.signatures = [Signature("jws", signer, **signature)] if signer else []
    named = {store for statement in policy["trustPolicies"] for store in statement.get("trustStores", ())}
    roots = [acme().root, with_points().root]
    made.stores = {name: [clock().root] if name.startswith("tsa:") else roots for name in named}
    if "ca:zenith" in named:
        made.stores = {**made.stores, "ca:zenith": [stranger().root]}
    return made


def judged(made: Scene, folder: Path) -> Ran:
    return run_here(made.write(folder).arguments())


def test_the_page_has_ten() -> None:
    assert list(examples()) == list(range(1, 11))


CASES: Final[dict[str, tuple[int, str, Callable[[], Issued] | None, int]]] = {
    "1: a signer below the root": (1, WEB, acme, 0),
    "1: another signer": (1, WEB, stranger, 13),
    "2: the named signer": (2, WEB, acme, 0),
    "2: another repository": (2, DB, acme, 13),
    "3: the first": (3, WEB, acme, 0),
    "3: the first, second repository": (3, DB, acme, 0),
    "3: the second": (3, ROUTER, stranger, 0),
    "3: the one in place of the other": (3, WEB, stranger, 13),
    "3: no statement": (3, SHELL, acme, 13),
    "5: no timestamp while the certificate is valid": (5, WEB, acme, 0),
    "6: no evidence": (6, WEB, with_points, 0),
    "6: another signer": (6, WEB, stranger, 13),
    "7: no evidence": (7, WEB, with_points, 15),
    "8: on trial": (8, ROUTER, acme, 0),
    "8: no signature": (8, ROUTER, None, 10),
    "9: not signed": (9, SHELL, None, 0),
    "9: every other repository": (9, WEB, None, 10),
    "10: an ordinary signer": (10, WEB, acme, 13),
}


@pytest.mark.parametrize("name", CASES)
def test_the_example_decides(name: str, tmp_path: Path) -> None:
    number, scope, signer, code = CASES[name]
    made = scene(number, scope, signer() if signer else None)
    if not signer:
        made.signatures = []
    assert judged(made, tmp_path).code == code


def test_2_another_name_below_the_same_root(tmp_path: Path) -> None:
    other = Pki().code_chain(leaf={"subject": "C=US,ST=WA,O=Zenith,CN=signer"})
    made = scene(2, WEB, other)
    made.stores = {"ca:public": [other.root]}
    assert judged(made, tmp_path).code == 13


@pytest.mark.parametrize(("number", "stamped", "code"), [(4, True, 0), (4, False, 13), (5, True, 0), (5, False, 13)])
def test_timestamps_count_after_the_end(number: int, stamped: bool, code: int, tmp_path: Path) -> None:
    made = scene(number, WEB, acme(), token=(lambda value: token(clock(), value)) if stamped else None)
    made.put_crls(good_crls(clock(), TSA_CRL, next_update=AFTER_END + timedelta(days=9)))
    made.at = AFTER_END
    assert judged(made, tmp_path).code == code


@pytest.mark.parametrize(("days", "code"), [(0, 0), (29, 0), (31, 15)])
def test_7_evidence_may_be_30_days_late(days: int, code: int, tmp_path: Path) -> None:
    made = scene(7, WEB, with_points())
    made.put_crls(good_crls(with_points(), SIGNING_CRL, next_update=AT))
    made.at = AT + timedelta(days=days)
    assert judged(made, tmp_path).code == code


def test_10_the_signing_authority(tmp_path: Path) -> None:
    made = scene(10, WEB, acme(), scheme=envelopes.AUTHORITY)
    assert judged(made, tmp_path).code == 0


@pytest.mark.parametrize("number", [6, 8])
def test_a_softened_check_is_said_first(number: int, tmp_path: Path) -> None:
    made = scene(number, WEB if number == 6 else ROUTER, with_points())
    written = made.write(tmp_path)
    ran = run_here([word for word in written.arguments() if word not in {"--format", "json"}])
    assert ran.out.startswith("PASS, WITH RESERVATIONS")
