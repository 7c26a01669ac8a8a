"""The CRLs for the cache of notation: only those with which it accepts nothing that is refused here (10.3 and 10.4).

notation looks a CRL up by the URL in a certificate, for signing and timestamp chains alike (CACHE-6), checks its
signature and validity at every use (CACHE-4), and uses nothing else: no other CRL of the same issuer, no OCSP response
from a file. It does not look at scopes (CRL-8) or at when a CRL was made (CRL-6), takes SHA-1 (CRL-4), and
goes without a delta CRL that is not in its cache (CACHE-5). What it lacks it asks the network for, and without one it
refuses.

So a CRL is exported only if it has every known revocation of its issuer, and if it would clear certificates here,
too. All others are left out and reported.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.hashing import digest, fingerprint
from airgap.parse.base64 import encode_standard
from airgap.parse.time import iso
from airgap.pki import digests
from airgap.pki.algorithms import signature_scheme, signature_text
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.crl_facts import CrlFacts
from airgap.pki.distinguished_names import same_name
from airgap.pki.single_response import SingleResponse
from airgap.pki.uris import uri_key
from airgap.revocation.clearing_crls import ALL_REASONS
from airgap.revocation.damage import contradicts, is_damaged
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.evidence_files import CrlFile, OcspFile
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.query import REMOVED
from airgap.text import quoted, safe
from airgap.trust.notation_keys import RevokedKeys
from airgap.trust.notation_view import Learned, ListedSerial, MilderError, entries_of

_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something that the other tool will not learn of, or may not have because it would judge milder by it."""

    file: str
    """The file of evidence, or the repository, that it is about; safe for a terminal."""
    url: str
    """The URL without a CRL in the cache because of it; empty if it is not about a URL."""
    problem: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.file} {self.problem}{f': {safe(self.url, limit=200)} was left out' if self.url else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotationCache:
    """The files for notation's cache, and the omissions."""

    files: Mapping[str, bytes]
    """File names (SHA-256 of the URL) to content (CACHE-2)."""
    use_by: datetime | None
    """When the first of these CRLs goes stale."""
    omissions: tuple[Omission, ...]
    """Where notation would accept what is refused here, were it not left out or not known to the reader."""
    notes: tuple[str, ...]
    unchecked: tuple[str, ...] = ()
    """Exported CRLs that may be damaged, as no certificate of their issuer is available; a sentence each."""


def notation_cache(
    evidence: EvidenceDirectory,
    index: EvidenceIndex,
    known: Iterable[Certificate],
    *,
    stamping: Iterable[Certificate],
    seen: Iterable[Certificate],
    at: datetime,
) -> NotationCache:
    """The cache for notation as of `at`. `index` says which files came from which URL (crls/index.json).

    `known`: certificates by which damaged evidence can be recognised, those of the trust stores. `stamping`: the roots
    of the stores for timestamps among them, below which revocations count for keys without a reason.
    `seen`: other certificates, which prove nothing but may have a revoked key.
    """
    certificates = tuple(dict.fromkeys(known))
    return _Cache(evidence, index, certificates, RevokedKeys(evidence, certificates, stamping, seen), at).made()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What notation gets for one URL."""

    url: str
    base: tuple[CrlFile, Crl]
    delta: tuple[CrlFile, Crl] | None = None

    @property
    def crls(self) -> list[Crl]:
        return [crl for _, crl in (self.base, *([self.delta] if self.delta else ()))]


@dataclass(slots=True)
class _Cache:
    evidence: EvidenceDirectory
    index: EvidenceIndex
    known: tuple[Certificate, ...]
    keys: RevokedKeys
    at: datetime
    omissions: list[Omission] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    _listed: dict[str, frozenset[ListedSerial]] = field(default_factory=dict)

    def made(self) -> NotationCache:
        chosen = [found for url, files in sorted(self._by_url().items()) if (found := self._choose(url, files))]
        self._omit_unused(chosen)
        ends = [crl.next_update for found in chosen for crl in found.crls if crl.next_update]
        return NotationCache(
            files={fingerprint(found.url.encode()): _entry(found) for found in chosen},
            use_by=min(ends, default=None),
            omissions=tuple(self.omissions),
            notes=tuple(self.notes),
            unchecked=tuple(dict.fromkeys(self.unchecked)),
        )

    def _by_url(self) -> dict[str, list[CrlFile]]:
        """What came from each URL by the index, or names it as its own distribution point (IDP)."""
        urls: defaultdict[str, dict[CrlFile, None]] = defaultdict(dict)
        for file in self.evidence.all_crls():
            named = [url for url, names in self.index.files.items() if any(_is_of(file, name) for name in names)]
            for url in (*named, *_own_urls(file)):
                urls[url][file] = None
        return {url: list(files) for url, files in urls.items() if any(not file.facts.is_delta for file in files)}

    # --- one URL ---

    def _choose(self, url: str, files: Sequence[CrlFile]) -> _Chosen | None:
        """The base CRL for a URL and the delta that goes with it; None where notation may not have one."""
        bases = [file for file in files if not file.facts.is_delta]
        streams = {base.facts.stream for base in bases}
        if len(streams) > 1:
            self._omit(bases[0], url, "and other CRLs of other issuers or scopes are mapped to one URL")
            return None
        generations = [file for file in self.evidence.crls(bases[0].facts.issuer) if file.facts.stream in streams]
        newest = max(generations, key=lambda file: file.facts.age)
        try:
            base = newest.load()
            self._check_all_is_known(base, [url, *(uri for point in base.freshest for uri in point.uris)])
            if not self._is_fresh(newest, url):
                return None
            self._check_clears(base, url)
            delta = self._delta(base) if base.freshest else None
            found = _Chosen(url, (newest, base), delta)
            self._check_decides(newest, url)
            self._check_says_all(found)
            self._note_unchecked(found)
        except MilderError as error:
            self.omissions.append(Omission(file=error.file or newest.name, url=url, problem=error.problem))
            return None
        except FormatError as error:
            self._omit(newest, url, f"cannot be read ({safe(error)})")
            return None
        return found

    def _note_unchecked(self, found: _Chosen) -> None:
        """Finds what may be damaged: notation then refuses what needs it, which is not milder."""
        for file, crl in (found.base, *([found.delta] if found.delta else [])):
            if not any(same_name(item.subject, crl.issuer) for item in self.known):
                self.unchecked.append(
                    f"{file.name} cannot be checked for damage: no certificate of its issuer is in a trust store"
                )

    def _is_fresh(self, file: CrlFile, url: str) -> bool:
        """CACHE-3: notation does not use another, and asks the network; that is not milder."""
        due = file.facts.next_update
        if due is not None and due > self.at:
            return True
        stale = f"was due on {iso(due)}" if due else "names no nextUpdate"
        self.notes.append(f"{file.name} {stale}: notation does not use it, and {safe(url, limit=200)} was left out")
        return False

    def _check_clears(self, crl: Crl, url: str) -> None:
        """Checks that this CRL would clear every certificate that names `url` here, too."""
        if crl.version != _VERSION:
            raise MilderError(f"has version {crl.version}")
        if signature_scheme(crl.signature_algorithm) is None:  # CRL-4: an accepted algorithm
            raise MilderError(f"is signed with {signature_text(crl.signature_algorithm)}")
        if crl.flaw:
            raise MilderError(crl.flaw)
        try:
            crl.check_understood()
        except Undecided as error:
            raise MilderError(f"has a critical extension that is not understood ({error.facts['extension']})") from None
        if any(item.serial < 0 for item in self._listing(crl)):  # the sign is missing: here it may be the other number
            raise MilderError("lists a negative serial number, which notation takes for that of no certificate")
        if problem := _scope_problem(crl, url):  # CRL-8: scopes count
            raise MilderError(f"{problem}, which notation does not look at")
        self._check_keys(crl)

    def _check_keys(self, crl: Crl) -> None:
        """Checks that no key signed it for which notation would accept what is refused here."""
        if problem := self.keys.problem_of(crl):
            raise MilderError(problem)
        for ca in self.known:  # D34: it clears nothing of a CA with the same key and another name
            if not same_name(ca.subject, crl.issuer) and crl.is_intact(ca):
                raise MilderError(
                    f"is signed with the key of {quoted(ca.subject_text)}, but is from {quoted(crl.issuer_text)}, "
                    "and notation does not compare the names"
                )

    def _check_decides(self, chosen: CrlFile, url: str) -> None:
        """Checks that no newer CRL of another scope would be asked here for a certificate, and leave it undecided."""
        for file in self.evidence.crls(chosen.facts.issuer):
            if file.facts.is_delta or file.facts.age <= chosen.facts.age or not _may_decide(file, url, chosen):
                continue
            due = file.facts.next_update
            if due is None or due <= self.at:
                stale = f"was due on {iso(due)}" if due else "names no nextUpdate"
                raise MilderError(f"is newer than {chosen.name}, and {stale}", file.name)
            if file.facts.names_delta:
                try:
                    self._delta(file.load())
                except MilderError as error:
                    problem = f"is newer than {chosen.name}, and needs a delta CRL: {error.problem}"
                    raise MilderError(problem, file.name) from None

    def _delta(self, base: Crl) -> tuple[CrlFile, Crl]:
        """CACHE-5: without the delta that a CRL names notation judges by the base alone."""
        deltas = [file for file in self.evidence.crls(base.issuer) if file.facts.is_delta]
        for file in sorted(deltas, key=lambda file: file.facts.age, reverse=True):
            delta = file.load()
            try:
                delta.check_fits(base)
            except Undecided:
                continue
            if delta.next_update is None or delta.next_update <= self.at:
                break
            self._check_clears(delta, "")
            return file, delta
        raise MilderError("names a delta CRL, and none that fits and is not stale is available")

    # --- revocations of the issuer ---

    def _check_says_all(self, found: _Chosen) -> None:
        """Checks that notation learns of every known revocation of this issuer from the exported CRLs."""
        issuer = found.base[1].issuer
        learned = Learned.of(found.crls)
        own = self.evidence.crls(issuer)
        for file in dict.fromkeys((*own, *self.evidence.indirect())):
            crl = file.load()
            if crl in found.crls or (not learned.lifts and any(known.lists_all_of(crl) for known in found.crls)):
                continue
            said = self._listing(crl) if file in own else _about(self._listing(crl), [issuer])
            missing = [
                item
                for item in said
                if not learned.has(item) and (item.is_final or file not in own or not _is_lifted(file, found.base[0]))
            ]
            if missing:
                raise MilderError(f"lists {_serials(missing)}, of which notation would not learn", file.name)
        for ocsp, single in self._against():
            if not learned.has_answer(single) and self._may_be_of(single, issuer):
                raise MilderError(
                    f"revokes the serial number {single.serial:x}, and notation cannot read it", ocsp.name
                )

    def _omit_unused(self, chosen: Sequence[_Chosen]) -> None:
        """Revocations that no exported file has."""
        told = {omission.file for omission in self.omissions}
        exported = [found.base[1].issuer for found in chosen]  # each says all that is said of its issuer
        for file in self.evidence.all_crls():
            if file.name in told:
                continue
            is_exported = any(same_name(issuer, file.facts.issuer) for issuer in exported)
            if is_exported and not file.may_list_others:
                continue
            listing = self._listing(file.load())
            if said := listing - _about(listing, exported, or_unknown=False):
                self._omit(file, "", f"lists {_serials(said)}, and notation does not learn of it")
            elif not (is_exported or file.facts.is_delta or file.name in self.index.claimed or _own_urls(file)):
                self.notes.append(
                    f"{file.name} was left out: no URL is known for it, and notation looks CRLs up by URL"
                )
        for ocsp, single in self._against():
            named = self._named(single)
            is_learned = named and all(any(same_name(name, issuer) for issuer in exported) for name in named)
            if ocsp.name not in told and not is_learned:
                self._omit(ocsp, "", f"revokes the serial number {single.serial:x}, and notation cannot read it")
        for path, problem in self._doubtful():
            if path not in told:
                self.omissions.append(
                    Omission(file=path, url="", problem=f"{problem}, and notation does not learn of it")
                )

    def _doubtful(self) -> Iterator[tuple[str, str]]:
        """What keeps certificates undecided here."""
        yield from ((item.path, f"cannot be used ({item.problem})") for item in self.evidence.all_unread())
        yield from ((item.path, item.problem) for item in self.evidence.all_misplaced())

    def _listing(self, crl: Crl) -> frozenset[ListedSerial]:
        """What a CRL says against serial numbers; removals left out.

        An extension that is not understood may change what any entry means: it leaves each one open here, and a hold is
        not lifted.
        """
        if crl.fingerprint not in self._listed:
            found = entries_of(crl)
            try:
                crl.check_understood()
            except Undecided:
                said = frozenset(entry.listing._replace(is_final=True, since=None) for entry in found)
            else:
                said = frozenset(entry.listing for entry in found if entry.reason != REMOVED)
            self._listed[crl.fingerprint] = said
        return self._listed[crl.fingerprint]

    def _against(self) -> Iterator[tuple[OcspFile, SingleResponse]]:
        return (
            (file, single)
            for file in self.evidence.all_ocsp()
            for single in file.response.responses
            if single.status == "revoked"
        )

    def _may_be_of(self, single: SingleResponse, issuer: bytes) -> bool:
        """False where the answer is certainly about a certificate of another issuer whose CRLs are available."""
        named = self._named(single)
        return not named or any(same_name(name, issuer) for name in named)

    def _named(self, single: SingleResponse) -> set[bytes]:
        """The available CRLs' issuers that the answer names, by the name or by the key, as a judgement takes it."""
        if not digests.known(single.hash_name):
            return set()
        named = {item.subject for item in self.known if single.names(item)}
        return {
            file.facts.issuer
            for file in self.evidence.all_crls()
            if digest(single.hash_name, file.facts.issuer) == single.issuer_name_hash
            or file.facts.authority_key == single.issuer_key_hash
            or any(same_name(name, file.facts.issuer) for name in named)
        }

    def _check_all_is_known(self, crl: CrlFacts, urls: Sequence[str]) -> None:
        """Checks that no unreadable evidence may be about this issuer, and that the clock is not wrong."""
        for item in self.evidence.all_unread():
            if item.may_be_from(crl.issuer, [crl.authority_key] if crl.authority_key else [], urls):
                raise MilderError(f"cannot be used ({item.problem})", item.path)
        for misplaced in self.evidence.all_misplaced():
            file = misplaced.file
            if isinstance(file, OcspFile) or file.may_list_others or same_name(file.facts.issuer, crl.issuer):
                raise MilderError(misplaced.problem, misplaced.path)
        for damaged in self._damaged(crl):
            raise MilderError("is damaged, or from another CA of the same name", damaged.name)
        newest = self.evidence.newest()
        if newest and newest.moment > self.at + limits.CLOCK_SKEW:  # CRL-6, D52: the clock is wrong
            raise MilderError(
                f"was made on {iso(newest.moment)}, and the clock says {iso(self.at)}, which notation does not compare",
                newest.name,
            )

    def _damaged(self, crl: CrlFacts) -> Iterator[CrlFile | OcspFile]:
        """What the maker's certificate proves damaged; where that is not available, what contradicts the CRL."""
        makers = [item for item in self.known if same_name(item.subject, crl.issuer)]
        if makers:
            return (file for file in self.evidence.trusted() if is_damaged(file, makers))
        return (file for file in self.evidence.all_crls() if contradicts(file.facts, crl))

    def _omit(self, file: CrlFile | OcspFile, url: str, problem: str) -> None:
        self.omissions.append(Omission(file=file.name, url=url, problem=problem))


def _scope_problem(crl: Crl, url: str) -> str | None:
    scope = crl.scope
    if scope is None:
        return None
    if scope.indirect:
        return "is an indirect CRL"
    if scope.only_attribute or scope.only_ca or scope.only_user:
        return "only covers certificates of one kind"
    if scope.reasons is not None:
        return "only covers some reasons"
    if scope.name and url and url not in scope.name.uris:
        return "is for another distribution point"
    return None


def _may_decide(file: CrlFile, url: str, chosen: CrlFile) -> bool:
    """Whether a CRL may answer for a certificate that names `url`, as `chosen` does, and the newest decides.

    One that names other URLs alone answers for certificates that name them, too, so that notation needs another CRL.
    """
    if file.facts.stream == chosen.facts.stream or _has_another_key(file.facts, chosen.facts):
        return False
    try:
        crl = file.load()
        crl.check_clears()
    except (FormatError, Undecided):
        return False
    if crl.version != _VERSION or signature_scheme(crl.signature_algorithm) is None:
        return False
    scope = crl.scope
    if scope is None:
        return True
    uris = [uri_key(uri.encode()) for uri in scope.name.uris] if scope.name else []
    is_for_all_reasons = scope.reasons is None or scope.reasons >= ALL_REASONS
    return is_for_all_reasons and (not uris or uri_key(url.encode()) in uris)


def _has_another_key(one: CrlFacts, other: CrlFacts) -> bool:
    return None not in {one.authority_key, other.authority_key} and one.authority_key != other.authority_key


def _is_lifted(hold: CrlFile, base: CrlFile) -> bool:
    """Whether a hold in one CRL is over by the silence of another: of two of one moment the hold counts."""
    same = hold.facts.stream == base.facts.stream
    return (same and hold.facts.issued < base.facts.issued) or hold.facts.this_update < base.facts.this_update


def _about(
    listing: frozenset[ListedSerial], issuers: Iterable[bytes], *, or_unknown: bool = True
) -> frozenset[ListedSerial]:
    """What of it is about certificates of these issuers (raw Names)."""
    names = tuple(issuers)
    owners = {
        owner
        for owner in {item.owner for item in listing}
        if (or_unknown if owner is None else any(same_name(owner, name) for name in names))
    }
    return frozenset(item for item in listing if item.owner in owners)


def _is_of(file: CrlFile, name: str) -> bool:
    """Whether the CRL is in the file of this name, which may hold several."""
    return file.name == safe(name) or file.name.startswith(f"{safe(name)}, CRL ")


def _own_urls(file: CrlFile) -> tuple[str, ...]:
    try:
        scope = file.load().scope
    except FormatError:
        return ()
    return scope.name.uris if scope and scope.name else ()


def _serials(found: Iterable[ListedSerial]) -> str:
    serials = sorted({item.serial for item in found})
    more = f" and {len(serials) - 1} more" if len(serials) > 1 else ""
    return f"the serial number {serials[0]:x}{more}"


def _entry(found: _Chosen) -> bytes:
    members = {"baseCRL": encode_standard(found.base[1].der)}
    if found.delta:
        members["deltaCRL"] = encode_standard(found.delta[1].der)
    return json.dumps(members).encode()
