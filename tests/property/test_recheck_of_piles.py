"""Random piles of evidence in a layout and in a trust directory: a report alone never passes what the layout would not.

The trust directory is another one when the report is judged again, and time has passed (decision 0027).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import product
from typing import Any, Final, NamedTuple

from hypothesis import given, note, settings
from hypothesis import strategies as st

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.answer_evidence import FoundInTargets
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.signature.model import Scheme
from airgap.trust.levels import Check
from airgap.verifier.artifact_document import _for_recheck
from airgap.verifier.facts import LaterFacts, SignatureFacts
from airgap.verifier.recorded import LostEvidence
from airgap.verifier.report_reader import _later_facts
from tests.support import names
from tests.support.crls import crl, entry, scope
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL, Point
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, issue

DAY: Final = timedelta(days=1)
ROOT: Final = issue("root", subject=names.harbour("Root"), key=key("p256", 0))
CA: Final = issue("intermediate", issuer=ROOT, subject=names.harbour("CA"), key=key("p256", 1))
RENEWED: Final = issue("intermediate", issuer=ROOT, subject=names.harbour("CA"), key=key("p256", 2))
OTHER: Final = issue("root", subject=names.harbour("Other"), key=key("p256", 3))
DELEGATES: Final = tuple(
    issue("ocsp", issuer=issuer, subject=names.harbour(name), key=key("p256", slot))
    for issuer, name, slot in ((CA, "First", 4), (CA, "Second", 5), (RENEWED, "Third", 6))
)
COMING: Final = (RENEWED, OTHER, *DELEGATES)
"""What a trust store may hold beside the root."""
WAYS: Final[tuple[dict[str, Any], ...]] = (
    {"ocsp_urls": ["http://ocsp.example"]},
    {"crl_urls": ["http://crl.example/a"]},
    {"ocsp_urls": ["http://ocsp.example"], "crl_urls": ["http://crl.example/a"]},
    {"crl_urls": ["http://crl.example/a"], "freshest": [Point(("http://crl.example/d",))]},
)
LEAVES: Final = tuple(issue("leaf", issuer=CA, key=key("p256", 7), serial=0x1234, **ways) for ways in WAYS)
"""One certificate with different ways to ask about it, so that a piece is about each of them."""


def _crls() -> Iterator[bytes]:
    says: list[Sequence[Any]] = [
        (),
        [0x1234],
        [entry(0x1234, reason="certificateHold")],
        [entry(0x1234, reason="removeFromCRL")],
        [entry(0x1234, reason="keyCompromise", at=AT + DAY)],
        [entry(0x1234, extra=[UNKNOWN_CRITICAL])],
        *([item] for item in DELEGATES),
        [entry(DELEGATES[1].serial, reason="certificateHold")],
    ]
    shapes: list[dict[str, Any]] = [
        {},
        {"next_update": AT + 2 * DAY},
        {"next_update": None},
        {"scope": scope(reasons=("keyCompromise",))},
        {"scope": scope(indirect=True)},
        {"freshest": ["http://crl.example/d"]},
        {"delta_base": 3},
        {"signed_by": RENEWED.key},
        {"issuer_name": names.respelt(CA.subject)},
    ]
    for listed, shape, age in product(says, shapes, (5, 2, -4)):
        yield crl(CA, **{"number": 10 - age, "this_update": AT - age * DAY, **shape}, revoked=listed)
    for serial in (0x1234, DELEGATES[1].serial):
        named = entry(serial, certificate_issuer=CA.subject)
        yield crl(OTHER, revoked=[named], scope=scope(indirect=True))


def _responses() -> Iterator[bytes]:
    makers: list[dict[str, Any]] = [
        {},
        {"signed_by": RENEWED.key},
        *({"responder": item} for item in DELEGATES),
        *({"responder": item, "embed": []} for item in DELEGATES),
    ]
    for status, maker, age, until in product(("good", "revoked", "hold", "unknown"), makers, (4, 1, -4), (2, 9)):
        reason = {"revoked": "keyCompromise", "hold": "certificateHold"}.get(status)
        about: dict[str, Any] = {
            "status": "revoked" if reason else status,
            "reason": reason,
            "this_update": AT - age * DAY,
            "next_update": AT + until * DAY,
        }
        yield ocsp_response(LEAVES[0], **maker, **about)
        if status in {"revoked", "hold"} and until > 2:
            yield from (ocsp_response(item, issuer=CA, **maker, **about) for item in DELEGATES[:2])
            yield ocsp_response(LEAVES[0], issuer=RENEWED, **{"responder": CA, **maker}, **about)


PIECES: Final = (tuple(_crls()), tuple(_responses()))
PILES: Final = st.lists(st.one_of(*(st.sampled_from(pieces) for pieces in PIECES)), max_size=4, unique=True)
STORED: Final = st.lists(st.sampled_from(COMING), max_size=2, unique=True)


class Site(NamedTuple):
    """A trust directory at a moment."""

    pile: list[bytes]
    stored: list[Issued]
    days: int
    """After AT."""

    @property
    def evidence(self) -> Evidence:
        return MemoryEvidence({f"kept {n}": data for n, data in enumerate(self.pile)}, trusted=True)

    def judge(self, evidence: Evidence) -> RevocationJudge:
        at = AT + self.days * DAY
        clock = max(at, AT)  # a moment in the past is named
        stored = tuple(Certificate.parse(item.der) for item in (ROOT, *self.stored))
        return RevocationJudge(evidence, Freshness(), Moment(judged=at, clock=clock), stored=lambda: stored)


def _passes(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (Rejected, Undecided) as error:
        note(repr(error))
        return False
    return True


def _recorded(chain: tuple[Certificate, ...], found: FoundInTargets) -> FoundInTargets:
    """What a report holds of it."""
    later = LaterFacts(signature_value=b"", timestamp_token=None, metadata={}, plugin=None, in_targets=found)
    facts = SignatureFacts(
        scheme=Scheme.X509, chain=chain, algorithm="", stated_time=None, expiry=None, agent=None, later=later
    )
    return _later_facts(json.loads(json.dumps(_for_recheck(facts)))).in_targets


def _again(now: Site, chain: tuple[Certificate, ...], found: FoundInTargets) -> None:
    """As the engine judges a report. Raises Rejected, Undecided."""
    judge, lost = now.judge(now.evidence), LostEvidence(found, frozenset())
    judge.check_chain(chain, kind="signing", signed_at=None, lost=found)
    said = lost.against({item.fingerprint for item in chain}, "signing")
    left = judge.unanswered(said, chain, kind="signing", signed_at=None, lost=found)
    lost.refuse_unanswered(Check.REVOCATION, left)


@settings(max_examples=300, deadline=None)
@given(
    leaf=st.sampled_from(LEAVES),
    carried=PILES,
    then=st.builds(Site, PILES, STORED, st.just(0)),
    now=st.builds(Site, PILES, STORED, st.sampled_from([-3, 0, 1, 3, 8, 31])),
    keeps=st.booleans(),
)
def test_a_report_alone_passes_only_what_passes_with_its_layout(
    leaf: Issued, carried: list[bytes], then: Site, now: Site, *, keeps: bool
) -> None:
    """`keeps`: nothing was taken out of the trust directory."""
    chain = tuple(Certificate.parse(item.der) for item in leaf.chain)
    if keeps:
        now = now._replace(pile=list(dict.fromkeys([*then.pile, *now.pile])), stored=[*then.stored, *now.stored])
    layout = MemoryEvidence({f"carried {n}": data for n, data in enumerate(carried)})
    found = then.judge(CombinedEvidence([then.evidence, layout])).in_targets(chain, kind="signing")
    judge = now.judge(CombinedEvidence([now.evidence, layout]))
    if _passes(lambda: _again(now, chain, _recorded(chain, found))):
        assert _passes(lambda: judge.check_chain(chain, kind="signing", signed_at=None))
