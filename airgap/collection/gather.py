"""Getting evidence for certificates: asks where they say, proves what comes, keeps what is good.

Knows no network: what downloads is handed in. Requests run side by side, each place's URIs one after the other (OCSP-1,
CRL-1, D32); what came is looked at one at a time, so that memory holds one CRL, whatever the number of threads.
"""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from airgap import limits
from airgap.collection.acceptance import accept_crl, accept_delta, accept_ocsp
from airgap.collection.chains import Asked
from airgap.collection.coverage import Attempt, Outcome
from airgap.collection.keeper import EvidenceKeeper
from airgap.errors import FormatError, LimitError, Undecided
from airgap.files import read_regular
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl import Crl
from airgap.pki.ocsp import OcspResponse
from airgap.pki.ocsp_request import ocsp_request
from airgap.revocation.directory import CRLS, OCSP, EvidenceDirectory
from airgap.revocation.kept import Kept, State, read_crl
from airgap.text import safe

_RETRY_HASH: Final = "sha256"


class Downloads(Protocol):
    """What gets evidence from URLs. Safe for threads; both raise Undecided (fetch.*)."""

    def crl(self, url: str, path: Path) -> int:
        """Write what lies at `url` to the new file `path`; returns its size."""

    def ocsp(self, url: str, question: bytes) -> bytes:
        """What the responder at `url` answers."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One distribution point of one issuer, and the certificates that name it."""

    issuer: Certificate | None
    """None where it is not at hand."""
    point: DistributionPoint
    asked: list[Asked] = field(default_factory=list, compare=False)


class Gatherer:
    """Fetches and takes evidence into one folder. Use one for a run."""

    def __init__(self, keeper: EvidenceKeeper, *, at: datetime, unproven: bool = False) -> None:
        """`unproven`: keep CRLs, too, whose issuer's certificate is not at hand, for those who have it."""
        self._keeper: Final = keeper
        self._unproven: Final = unproven
        self._at: Final = at
        self._lock: Final = threading.Lock()
        self.attempts: Final[defaultdict[Asked, list[Attempt]]] = defaultdict(list)
        self.responders: Final[dict[Asked, None]] = {}
        """Delegates that signed a response and whose own revocation their issuer does not waive (D37)."""
        self.sources: Final[dict[str, str]] = {}

    # --- from URLs ---

    def download(self, asked: Sequence[Asked], downloads: Downloads, executor: Executor) -> None:
        """Ask everywhere that the certificates name; then, once, for the responders that turned up.

        Raises LimitError, TrustMaterialError (an index that can not be read), OSError.
        """
        with tempfile.TemporaryDirectory(prefix="airgap-fetch-") as folder:
            self._round(asked, downloads, executor, Path(folder))
            new = [item for item in self.responders if item not in set(asked)]
            self._round(new, downloads, executor, Path(folder))

    def _round(self, asked: Iterable[Asked], downloads: Downloads, executor: Executor, folder: Path) -> None:
        known = [(item, item.issuer) for item in asked if item.issuer is not None]
        places: dict[_Place, _Place] = {}
        for item in asked if self._unproven else [item for item, _ in known]:
            for point in item.certificate.distribution_points:
                place = places.setdefault(_Place(item.issuer, point), _Place(item.issuer, point))
                place.asked.append(item)
        if len(known) + len(places) > limits.EVIDENCE_URLS:
            raise LimitError(f"{len(known) + len(places)} places would be asked, more than {limits.EVIDENCE_URLS}")
        tasks = [executor.submit(self._fetch_ocsp, item, issuer, downloads) for item, issuer in known]
        tasks += [
            executor.submit(self._fetch_crl, place, downloads, folder / str(number))
            for number, place in enumerate(places.values())
        ]
        try:
            wait(tasks)
        except BaseException:
            for task in tasks:  # who interrupts does not want to wait for hundreds of servers
                task.cancel()
            raise
        for task in tasks:
            task.result()
        for path in folder.iterdir():
            path.unlink()

    def _fetch_ocsp(self, asked: Asked, issuer: Certificate, downloads: Downloads) -> None:
        for url in asked.certificate.ocsp_urls:
            try:
                data = downloads.ocsp(url, ocsp_request(asked.certificate, issuer))
                try:
                    OcspResponse.parse(data)
                except FormatError:  # some responders know no SHA-1 CertID; an error is asked again in SHA-256
                    data = downloads.ocsp(url, ocsp_request(asked.certificate, issuer, hash_name=_RETRY_HASH))
            except Undecided as error:
                self._note([asked], _failure(url, "ocsp", Outcome.FAILED, error))
                continue
            with self._lock:
                attempt = self._take_ocsp(data, url, asked, issuer)
                self._note([asked], attempt)
            if attempt.outcome is not Outcome.REFUSED:
                return

    def _fetch_crl(self, place: _Place, downloads: Downloads, path: Path) -> None:
        if not place.point.uris:
            return
        for number, uri in enumerate(place.point.uris):
            file = path.with_suffix(f".{number}")
            try:
                downloads.crl(uri, file)
                data = read_regular(file, limits.CRL_FILE_BYTES)
            except (Undecided, FormatError) as error:
                self._note(place.asked, _failure(uri, "crl", Outcome.FAILED, error))
                file.unlink(missing_ok=True)
                continue
            file.unlink()
            with self._lock:
                attempt, base = self._take_crl(data, uri, place)
                del data
                self._note(place.asked, attempt)
            if attempt.outcome is not Outcome.REFUSED and base is not None:
                self._fetch_deltas(place, base, downloads, path)
                return

    def _fetch_deltas(self, place: _Place, base: Crl, downloads: Downloads, path: Path) -> None:
        for count, point in enumerate(base.freshest):
            for number, uri in enumerate(point.uris):
                file = path.with_suffix(f".delta.{count}.{number}")
                try:
                    downloads.crl(uri, file)
                    data = read_regular(file, limits.CRL_FILE_BYTES)
                except (Undecided, FormatError) as error:
                    self._note(place.asked, _failure(uri, "delta-crl", Outcome.FAILED, error))
                    file.unlink(missing_ok=True)
                    continue
                file.unlink()
                with self._lock:
                    attempt = self._take_delta(data, uri, place, base, point)
                    self._note(place.asked, attempt)
                if attempt.outcome is not Outcome.REFUSED:
                    break

    # --- from files ---

    def take(self, data: bytes, source: str, asked: Sequence[Asked]) -> Attempt:
        """A file that was offered, for whichever of the certificates it answers.

        Deltas are taken for bases that are at hand by then, so offer bases first.
        """
        crl, response = _parsed(data)
        refusals: list[Attempt] = []
        attempts: list[Attempt] = []
        for item in asked:
            issuer = item.issuer
            found: list[Attempt] = []
            if issuer and response is not None and response.find(item.certificate, issuer) is not None:
                found.append(self._take_ocsp(data, source, item, issuer))
            elif (issuer or self._unproven) and crl is not None and crl.issuer == item.certificate.issuer:
                found += self._take_offered_crl(data, crl, source, item)
            for attempt in found:
                (refusals if attempt.outcome is Outcome.REFUSED else attempts).append(attempt)
                self._note([item], attempt)
        order = (Outcome.NEW, Outcome.UNCHANGED, Outcome.OLDER)
        if attempts:
            return min(attempts, key=lambda attempt: order.index(attempt.outcome))
        if refusals:
            return refusals[0]
        kind = "ocsp" if response is not None else "crl"
        if crl is None and response is None:
            unreadable = Undecided("revocation.crl.malformed", "it is neither a CRL nor an OCSP response")
            return _failure(source, kind, Outcome.REFUSED, unreadable)
        unneeded = Undecided("evidence.unneeded", "it answers for no certificate of the targets")
        return _failure(source, kind, Outcome.REFUSED, unneeded)

    def _take_offered_crl(self, data: bytes, crl: Crl, source: str, item: Asked) -> Iterable[Attempt]:
        for point in item.certificate.distribution_points:
            place = _Place(item.issuer, point, [item])
            if crl.base_number is None:
                yield self._take_crl(data, source, place)[0]
                continue
            base = self._newest_base(point, item.certificate.issuer)
            for freshest in base.freshest if base else ():
                if base is not None:
                    yield self._take_delta(data, source, place, base, freshest)

    def _newest_base(self, point: DistributionPoint, issuer: bytes) -> Crl | None:
        for file in EvidenceDirectory.open(self._keeper.root).crls(issuer, point):
            if not file.is_delta:
                try:
                    return file.load()
                except FormatError:
                    continue
        return None

    # --- proving and keeping ---

    def _take_crl(self, data: bytes, source: str, place: _Place) -> tuple[Attempt, Crl | None]:
        crl: Crl | None = None
        refusal: Undecided | None = None
        for item in place.asked:  # one certificate may be covered where another is not (onlyContainsCACerts)
            try:
                crl = accept_crl(
                    data, certificate=item.certificate, issuer=place.issuer, point=place.point, at=self._at
                )
                break
            except Undecided as error:
                refusal = refusal or error
        if crl is None:
            return _failure(source, "crl", Outcome.REFUSED, refusal), None
        kept = self._keeper.keep_crl(crl, place.issuer, place.point.uris)
        if kept.state is State.OLDER:
            return self._kept_crl(crl, source, "crl", kept), read_crl(self._keeper.root / CRLS, kept.name)
        return self._kept_crl(crl, source, "crl", kept), crl

    def _take_delta(self, data: bytes, source: str, place: _Place, base: Crl, point: DistributionPoint) -> Attempt:
        try:
            delta = accept_delta(data, base=base, issuer=place.issuer, at=self._at)
        except Undecided as error:
            return _failure(source, "delta-crl", Outcome.REFUSED, error)
        kept = self._keeper.keep_crl(delta, place.issuer, point.uris)
        return self._kept_crl(delta, source, "delta-crl", kept)

    def _take_ocsp(self, data: bytes, source: str, asked: Asked, issuer: Certificate) -> Attempt:
        certificate = asked.certificate
        try:
            response, responder = accept_ocsp(data, certificate=certificate, issuer=issuer, at=self._at)
        except Undecided as error:
            return _failure(source, "ocsp", Outcome.REFUSED, error)
        if responder.delegated and not responder.no_check:
            self.responders[Asked(responder.certificate, issuer, asked.chain)] = None
        kept = self._keeper.keep_ocsp(data, response, certificate, issuer)
        single = response.find(certificate, issuer)
        return self._kept(
            source,
            "ocsp",
            kept,
            f"{OCSP}/{kept.name}",
            None,
            single.this_update if single else None,
            single.next_update if single else None,
        )

    def _kept_crl(self, crl: Crl, source: str, kind: str, kept: Kept) -> Attempt:
        return self._kept(source, kind, kept, f"{CRLS}/{kept.name}", crl.number, crl.this_update, crl.next_update)

    def _kept(
        self,
        source: str,
        kind: str,
        kept: Kept,
        file: str,
        number: int | None,
        this_update: datetime | None,
        next_update: datetime | None,
    ) -> Attempt:
        older = kept.state is State.OLDER
        if not older:
            self.sources[kept.name] = safe(source)
        return Attempt(
            source=safe(source),
            kind=kind,
            outcome=Outcome(kept.state.value),
            message=f"it is older than {file}, and was ignored" if older else "",
            reason="evidence.older" if older else None,
            file=file,
            number=number,
            this_update=this_update,
            next_update=next_update,
        )

    def _note(self, asked: Iterable[Asked], attempt: Attempt) -> None:
        for item in asked:
            self.attempts[item].append(attempt)


def _parsed(data: bytes) -> tuple[Crl | None, OcspResponse | None]:
    try:
        return Crl.parse(data), None
    except FormatError:
        pass
    try:
        return None, OcspResponse.parse(data)
    except FormatError:
        return None, None


def _failure(source: str, kind: str, outcome: Outcome, error: Undecided | FormatError | None) -> Attempt:
    if isinstance(error, Undecided):
        return Attempt(source=safe(source), kind=kind, outcome=outcome, message=str(error), reason=error.reason)
    return Attempt(
        source=safe(source), kind=kind, outcome=outcome, message=str(error), reason="revocation.crl.malformed"
    )
