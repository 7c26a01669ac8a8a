"""Finds out whether the issuer of a certificate, or a delegate of it, made evidence (RFC 6960, 4.2.2.2).

A response need not hold the certificate of its responder (4.2.1). The same responder answers for many certificates, so
its certificate may be in another available response: no signature covers in which one it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, Rejected, Unchecked, UncheckedIssuer, Undecided
from airgap.once import Once
from airgap.pki.certificate import Certificate, verify_ever_issued
from airgap.pki.distinguished_names import name_key, same_name
from airgap.pki.extensions import authority_key
from airgap.revocation.answer_evidence import MakerName, UnprovenMaker
from airgap.revocation.evidence_files import CrlFile, Evidence, HeldCertificate, OcspFile, nearly_same, nearly_same_key
from airgap.revocation.known_certificates import is_issued
from airgap.revocation.query import RevocationQuery
from airgap.text import quoted

if TYPE_CHECKING:  # imported only when there is a response to read
    from airgap.pki.ocsp import OcspResponse
    from airgap.revocation.freshness import EvidenceKind

_MAKERS: Final = 64
"""Of a target with more of one name, a report would be too large; then what is not proven always counts."""


class EvidenceMakers:
    """Proves who made evidence, by the delegated responders in one body of it; each is proven once for each issuer."""

    def __init__(self, evidence: Evidence, stored: Callable[[], Iterable[Certificate]]) -> None:
        """`stored`: reads the certificates of the trust stores: one of them may be a delegated responder's."""
        self._evidence: Final = evidence
        self._stored: Final = stored
        self._found: Final[dict[Certificate, tuple[_Delegates, _Delegates]]] = {}
        self._chosen: Final[dict[tuple[Certificate, tuple[Certificate, ...]], ResponseMaker]] = {}
        self._unusable: Final[dict[tuple[Certificate, ...], tuple[HeldCertificate, ...]]] = {}
        self._available: Final = Once(self._by_name)
        self._all: Final = Once(lambda: frozenset[str]().union(*self._available().values()))
        self._makers: Final[dict[tuple[str, tuple[Certificate, ...]], _Held | Undecided]] = {}

    def verify(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> ResponseMaker | None:
        """Checks that the CA with these certificates, or a delegate that was valid then, made it.

        A key of that CA that only signs CRLs may not answer for it (RFC 6960, 4.2.2.2).

        Returns the delegate whose certificate the response lacks; None if it needs no other file. Raises Undecided;
        Unchecked where such a key made it, or it cannot be checked here.
        """
        able = issuers[:1] + tuple(item for item in issuers[1:] if item.may_issue)
        try:
            response.verify_made_for(*able)
        except Undecided as error:
            key = response.fingerprint, issuers
            if key not in self._makers:
                try:
                    found = self._found_beside(response, able, error)
                    signers = tuple(item for item in issuers if item not in able)
                    if isinstance(found, Undecided) and signers and self._is_made_by(response, signers):
                        found = _by_signer_of_crls(response)
                    self._makers[key] = found
                except Unchecked as more:
                    self._makers[key] = more
            maker = self._makers[key]
            if isinstance(maker, Undecided):
                raise copy(maker) from None  # a caller may give it a remedy of its own
            return self._choose(maker.delegate, maker.holders, issuers)
        return None

    def _is_made_by(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> bool:
        try:
            response.verify_made_for(*issuers)
        except Undecided as error:
            return not isinstance(self._found_beside(response, issuers, error), Undecided)
        return True

    def _found_beside(
        self, response: OcspResponse, issuers: tuple[Certificate, ...], refusal: Undecided
    ) -> _Held | Undecided:
        """The delegate that made it, from another file; else why that is not proven. Raises Unchecked.

        `refusal`: why it is not proven by what it holds itself.
        """
        found = (self._delegates(issuer).find(response) for issuer in issuers)
        if maker := next(filter(None, found), None):
            return maker
        if known := self._stated(response, issuers):
            refusals = (response.why_not_by(held.delegate) for held in known)
            if unchecked := next((item for item in refusals if isinstance(item, Unchecked)), None):
                return unchecked
            text = (
                f"the OCSP response is damaged, or made with another key: it is from "
                f"{quoted(response.responder)}, whose certificate is in another file here and did not sign it"
            )
            return Undecided("revocation.ocsp.signature", text, ocsp=response.fingerprint)
        if held := next(filter(None, (self._unchecked(issuer).find(response) for issuer in issuers)), None):
            text = (
                f"the OCSP response is from {quoted(held.delegate.subject_text)}, whose certificate is in "
                "another file here, and is signed with an algorithm or a key of a kind that is not known"
            )
            return Unchecked("revocation.ocsp.responder", text, ocsp=response.fingerprint)
        return refusal

    def know_responder(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> bool:
        """Whether it states a responder whose certificate it lacks, and that is a delegate here and was valid then."""
        return bool(self._stated(response, issuers))

    def _stated(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> list[_Held]:
        return [held for issuer in issuers for held in self._delegates(issuer).stated(response)]

    def _choose(
        self, delegate: Certificate, holders: Sequence[OcspFile], issuers: tuple[Certificate, ...]
    ) -> ResponseMaker:
        """With a genuine holder, if there is one: another may be forged, whatever it holds."""
        key = delegate, issuers
        if key not in self._chosen:
            first = next(iter(holders), None)
            holder = next((holder for holder in holders if _is_made_for(holder, issuers)), first)
            self._chosen[key] = ResponseMaker(delegate, holder)
        return self._chosen[key]

    def is_genuine(self, query: RevocationQuery, file: CrlFile | OcspFile) -> bool:
        """Whether the issuer made it, or a delegate of the issuer: of what is newer and not genuine nothing follows."""
        try:
            self.prove(query, file)
        except (FormatError, Undecided):
            return False
        return True

    def may_be_genuine(self, query: RevocationQuery, file: CrlFile | OcspFile) -> bool:
        """The same, or it cannot be checked here, or what proves it may be lost: an answer must not rest on less."""
        try:
            self.prove(query, file)
        except Unchecked:
            return True
        except (FormatError, Undecided):
            return self.lost_proof(query, file.maker) is not None
        return True

    def prove(self, query: RevocationQuery, file: CrlFile | OcspFile) -> None:
        """Checks that the issuer made it, or a delegate of the issuer. Raises Undecided, FormatError."""
        if isinstance(file, CrlFile):
            file.load().verify_made_by(*query.issuers)
        else:
            self.verify(file.response, query.issuers)

    def possible(self, query: RevocationQuery, named: MakerName, kind: EvidenceKind) -> frozenset[str]:
        """The fingerprints of the available certificates that may prove evidence of this kind and maker.

        Always those of the issuers, because the maker may be a delegate of any of them; of a response those of all
        delegates, because the stated one need not have made it.
        """
        issuers = {issuer.fingerprint for issuer in query.issuers}
        if kind == "ocsp":
            issuers.update(*(self._delegates(issuer).fingerprints for issuer in query.issuers))
        return frozenset(issuers | self._available().get(named.key, set()))

    def unproven(self, query: RevocationQuery, file: CrlFile | OcspFile) -> UnprovenMaker:
        """The maker that it states, and who is available and did not prove it; of too many none is noted."""
        tried = self.possible(query, file.maker, file.kind)
        return UnprovenMaker(file.maker, tried if len(tried) <= _MAKERS else frozenset())

    def untried(self, file: CrlFile | OcspFile) -> UnprovenMaker:
        """The same where no issuer is known, so that nothing can be proven; for too many one that is nowhere."""
        known = set(self._available().get(file.maker.key, ()))
        if file.kind == "ocsp":
            known.update(item.fingerprint for item in self._evidence.responders())
        return UnprovenMaker(file.maker, untried=frozenset(known if len(known) <= _MAKERS else [""]))

    def lacks(self, maker: UnprovenMaker) -> bool:
        """Whether a certificate that was available then, was not tried, and might prove it, is gone."""
        return not maker.untried <= self._all()

    def may_prove(self, maker: UnprovenMaker, query: RevocationQuery, kind: EvidenceKind) -> bool:
        """Whether what may prove it is available now, and was not then; or is lost."""
        return not self.possible(query, maker.named, kind) <= maker.tried or bool(self.lost_proof(query, maker.named))

    def lost_proof(self, query: RevocationQuery, named: MakerName) -> HeldCertificate | None:
        """What may be the certificate that proves evidence of this maker: damaged, or in a form that is not read."""
        if query.issuers not in self._unusable:
            found = (self._why_unusable(held, query.issuers) for held in self._evidence.held_certificates())
            self._unusable[query.issuers] = tuple(filter(None, found))
        return next((held for held in self._unusable[query.issuers] if _may_be(held, named)), None)

    def _why_unusable(self, held: HeldCertificate, issuers: tuple[Certificate, ...]) -> HeldCertificate | None:
        """The same with its problem, if it may be of the CA with these certificates or of a delegate, and has one."""
        item = held.certificate
        if item is None:
            return held
        if not any(_may_be_by(item, issuer) for issuer in issuers):
            return None
        known = (item, *issuers, *self._stored())
        if held.problem or any(same_name(maker.subject, item.issuer) and is_issued(item, maker) for maker in known):
            return held if held.problem else None
        return replace(held, problem="a certificate in it was not issued by any certificate here")

    def _by_name(self) -> Mapping[tuple[object, ...], set[str]]:
        found: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
        for item in (*self._evidence.responders(), *self._stored()):
            hashes = (MakerName(key_hash=key_hash) for key_hash in item.key_hashes("sha1"))
            for named in (MakerName(item.subject), *hashes):
                found[named.key].add(item.fingerprint)
        return found

    def _delegates(self, issuer: Certificate) -> _Delegates:
        return self._known(issuer)[0]

    def _unchecked(self, issuer: Certificate) -> _Delegates:
        """Those that name the issuer, and whose signatures cannot be checked here."""
        return self._known(issuer)[1]

    def _known(self, issuer: Certificate) -> tuple[_Delegates, _Delegates]:
        if issuer not in self._found:
            found = self._evidence.responders()
            files = {item: found.get(item, ()) for item in (*found, *self._stored_responders())}
            proven: list[_Held] = []
            unchecked: list[_Held] = []
            for item, holders in files.items():
                try:
                    verify_ever_issued(item, issuer)
                except UncheckedIssuer:
                    unchecked.append(_Held(item, holders))
                except Rejected:
                    continue
                else:
                    proven.append(_Held(item, holders))
            self._found[issuer] = _Delegates(proven), _Delegates(unchecked)
        return self._found[issuer]

    def _stored_responders(self) -> Iterator[Certificate]:
        from airgap.pki.ocsp import OcspResponse

        return filter(OcspResponse.may_sign, self._stored())


def _by_signer_of_crls(response: OcspResponse) -> Unchecked:
    text = (
        f"the OCSP response is from {quoted(response.responder)}, and a key of the issuer that signs CRLs and no "
        "certificates proves it: it is not known whether that may answer for the issuer"
    )
    return Unchecked("revocation.ocsp.responder", text, ocsp=response.fingerprint)


class ResponseMaker(NamedTuple):
    """The delegated responder that made a response, which lacks its certificate."""

    delegate: Certificate
    holder: OcspFile | None
    """A response that holds its certificate; None if that is in a file of its own, or in a trust store."""


class _Held(NamedTuple):
    delegate: Certificate
    holders: Sequence[OcspFile]


class _Delegates:
    """The delegated responders of one issuer: first those that a response states, then the others that were valid then.

    Its signature proves who made it. Signatures take time, and a target may hold thousands of responses: a key is tried
    once for a response, first the key that made the one before, as most responses of one name are of one responder.
    """

    def __init__(self, found: Iterable[_Held]) -> None:
        self._by_name: Final[defaultdict[tuple[object, ...], list[_Held]]] = defaultdict(list)
        self._by_key: Final[defaultdict[bytes, list[_Held]]] = defaultdict(list)
        self._latest: Final[dict[tuple[object, ...], tuple[str, bytes]]] = {}
        """Which key made the latest response of a name."""
        self._all: Final = tuple(found)
        self.fingerprints: Final = frozenset(held.delegate.fingerprint for held in self._all)
        for held in self._all:
            self._by_name[name_key(held.delegate.subject)].append(held)
            for key_hash in held.delegate.key_hashes("sha1"):
                self._by_key[key_hash].append(held)

    def stated(self, response: OcspResponse) -> list[_Held]:
        """Those that it states as its responder, that were valid then, and whose certificate it lacks."""
        if response.responder_name is not None:
            named = self._by_name.get(name_key(response.responder_name), [])
        else:
            named = self._by_key.get(response.responder_key_hash or b"", [])
        return [held for held in named if _was_valid(held, response) and response.lacks(held.delegate)]

    def find(self, response: OcspResponse) -> _Held | None:
        """The responder that made this and was valid then, if the response lacks its certificate; None if none did.

        Raises Unchecked if there are more that may have made it than are tried.
        """
        name = name_key(response.responder_name) if response.responder_name is not None else ()
        stated = _by_key(self.stated(response))
        lacking = (held for held in self._all if held.delegate not in response.certificates)
        others = _by_key(held for held in lacking if _was_valid(held, response))
        further = [key for key in others if key not in stated]
        latest = self._latest.get(name)
        tried = [*sorted(stated, key=lambda key: key != latest), *sorted(further, key=lambda key: key != latest)]
        for key in tried[: len(stated) + limits.OTHER_RESPONDERS]:
            held = stated.get(key) or others[key]
            if response.is_signed_by(held.delegate):
                self._latest[name] = key
                return held
        if len(further) > limits.OTHER_RESPONDERS:
            text = f"the issuer has {len(further)} other responders that may have made it, and more than are tried"
            raise Unchecked("revocation.ocsp.responder", text, ocsp=response.fingerprint)
        return None


def _was_valid(held: _Held, response: OcspResponse) -> bool:
    made = response.produced_at
    return not (held.delegate.begins_after(made) or held.delegate.ended_before(made))


def _by_key(found: Iterable[_Held]) -> dict[tuple[str, bytes], _Held]:
    """The first one of each key."""
    keys: dict[tuple[str, bytes], _Held] = {}
    for held in found:
        keys.setdefault((held.delegate.key_name, held.delegate.key_identity), held)
    return keys


def _is_made_for(holder: OcspFile, issuers: tuple[Certificate, ...]) -> bool:
    """Whether it is proven by what it holds."""
    try:
        holder.response.verify_made_for(*issuers)
    except Undecided:
        return False
    return True


def _may_be_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether it has nearly the name of the issuer, or names nearly the issuer as its own, or its key."""
    near = nearly_same_key(authority_key(certificate.extensions), issuer.subject_key)
    names = (certificate.subject, certificate.issuer) if near is None else (certificate.subject,)
    return near or any(nearly_same(name, issuer.subject) for name in names)


def _may_be(held: HeldCertificate, named: MakerName) -> bool:
    """Whether it may be that of this maker: of what cannot be read, and of a key, that is not known."""
    if held.certificate is None:
        stated = held.stated
        return stated is None or bool(stated.name) != bool(named.name) or stated.key == named.key
    return not named.name or nearly_same(held.certificate.subject, named.name)
