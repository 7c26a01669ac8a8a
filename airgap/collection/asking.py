"""Asks the places that certificates name for evidence: downloads it, and hands it to a `Gatherer`, which proves it.

The caller hands in what downloads. Places are asked in parallel, the URIs of one place in turn (OCSP-1, CRL-1, D32).
Answers are checked one at a time, so that memory holds one CRL whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from airgap import limits
from airgap.collection.attempts import Attempt, AttemptResult, failed_attempt, is_answer
from airgap.collection.chains import CertificateToCheck
from airgap.collection.gather import Gatherer
from airgap.errors import FormatError, LimitError, Undecided
from airgap.files import read_regular
from airgap.hashing import digest
from airgap.parse import der
from airgap.pki import digests
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.extensions import DistributionPoint
from airgap.pki.ocsp import OcspResponse
from airgap.revocation.freshness import PieceKind
from airgap.scratch import scratch_folder


def ocsp_request(certificate: Certificate, issuer: Certificate, *, hash_name: str = "sha1") -> bytes:
    """The DER of a request about `certificate` (RFC 6960, 4.1; OCSP-2); `hash_name` as in hashlib.

    It has no nonce, because responders send answers that were signed in advance, and no signature. Responders expect
    SHA-1 (RFC 5019, 2.1.1). It need not be secure: the answer is signed, and its CertID is compared.
    """
    identifier = der.sequence(
        digests.hash_algorithm(hash_name),
        der.octet_string(digest(hash_name, issuer.subject)),
        der.octet_string(digest(hash_name, issuer.public_key_bits)),
        der.integer(certificate.serial),
    )
    return der.sequence(der.sequence(der.sequence(der.sequence(identifier))))


_RETRY_HASH: Final = "sha256"


class Downloads(Protocol):
    """Downloads evidence. Safe for threads; both methods raise Undecided (fetch.*)."""

    def crl(self, url: str, path: Path) -> int:
        """Write what is at `url` to the new file `path`; returns its size."""

    def ocsp(self, url: str, question: bytes) -> bytes:
        """What the responder at `url` answers."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One distribution point of one issuer, and the certificates that name it."""

    issuers: tuple[Certificate, ...]
    """The issuer's certificates that are available."""
    point: DistributionPoint
    to_check: list[CertificateToCheck] = field(default_factory=list, compare=False)


class PlaceAsker:
    """Downloads evidence for one gatherer."""

    def __init__(self, gatherer: Gatherer, downloads: Downloads, executor: Executor) -> None:
        self._gatherer: Final = gatherer
        self._downloads: Final = downloads
        self._executor: Final = executor

    def ask(self, to_check: Sequence[CertificateToCheck]) -> None:
        """Ask all places that the certificates name; then, once, those of the responders that answered.

        Raises LimitError, TrustMaterialError (an index that cannot be read), OSError.
        """
        with scratch_folder() as folder:
            self._round(to_check, folder)
            new = [item for item in self._gatherer.responders if item not in set(to_check)]
            self._round(new, folder)

    def _round(self, to_check: Iterable[CertificateToCheck], folder: Path) -> None:
        to_check = [item for item in to_check if self._may_be_asked(item)]
        known = [(item, item.issuer) for item in to_check if item.issuer is not None]
        places: dict[_Place, _Place] = {}
        for item in to_check if self._gatherer.unproven else [item for item, _ in known]:
            for point in item.certificate.distribution_points:
                place = places.setdefault(_Place(item.issuers, point), _Place(item.issuers, point))
                place.to_check.append(item)
        if len(known) + len(places) > limits.EVIDENCE_URLS:
            raise LimitError(f"{len(known) + len(places)} places would be asked, more than {limits.EVIDENCE_URLS}")
        tasks = [self._executor.submit(self._fetch_ocsp, item, issuer) for item, issuer in known]
        tasks += [
            self._executor.submit(self._fetch_crl, place, folder / str(number))
            for number, place in enumerate(places.values())
        ]
        try:
            wait(tasks)
        except BaseException:
            for task in tasks:  # an interrupted command must not wait for hundreds of servers
                task.cancel()
            raise
        for task in tasks:
            task.result()
        for path in folder.iterdir():
            path.unlink()

    def _may_be_asked(self, item: CertificateToCheck) -> bool:
        """Whether a certificate names few enough URLs; a failure of it is noted where it does not."""
        certificate = item.certificate
        try:
            _check_count(certificate.ocsp_urls, certificate.distribution_points)
        except Undecided as error:
            self._gatherer.note([item], failed_attempt("the certificate", "crl", AttemptResult.FAILED, error))
            return False
        return True

    def _fetch_ocsp(self, item: CertificateToCheck, issuer: Certificate) -> None:
        def ask(url: str) -> Attempt:
            try:
                data = self._downloads.ocsp(url, ocsp_request(item.certificate, issuer))
                try:
                    OcspResponse.parse(data)
                except FormatError:  # some responders know no SHA-1 CertID; an error is asked again in SHA-256
                    data = self._downloads.ocsp(url, ocsp_request(item.certificate, issuer, hash_name=_RETRY_HASH))
            except Undecided as error:
                return self._gatherer.note([item], failed_attempt(url, "ocsp", AttemptResult.FAILED, error))
            with self._gatherer.lock:
                attempt = self._gatherer.keep_ocsp(data, url, item, issuer)
                self._gatherer.downloaded(data, url, [item], attempt)
                return self._gatherer.note([item], attempt)

        self._ask_in_turn(item.certificate.ocsp_urls, [item], ask)

    def _fetch_crl(self, place: _Place, path: Path) -> None:
        """Ask the URIs of a point until one gives a CRL that answers for it (OCSP-1, CRL-1, D32)."""
        check = partial(self._gatherer.check_answers, point=place.point, to_check=place.to_check)

        def ask(uri: str) -> Attempt:
            attempt, crl = self._ask_crl(place, "crl", uri, place.point.uris, path, check)
            if crl is not None:
                self._fetch_deltas(place, crl, path)
            return attempt

        self._ask_in_turn(place.point.uris, place.to_check, ask)

    def _fetch_deltas(self, place: _Place, base: Crl, path: Path) -> None:
        check = partial(self._gatherer.check_delta, base=base)
        try:
            _check_count((), base.freshest)
        except Undecided as error:
            with self._gatherer.lock:
                self._gatherer.note(place.to_check, failed_attempt("the CRL", "delta-crl", AttemptResult.FAILED, error))
            return
        for point in base.freshest:

            def ask(uri: str, uris: Sequence[str] = point.uris) -> Attempt:
                return self._ask_crl(place, "delta-crl", uri, uris, path, check)[0]

            self._ask_in_turn(point.uris, place.to_check, ask)

    def _ask_crl(
        self, place: _Place, kind: PieceKind, uri: str, uris: Sequence[str], path: Path, check: Callable[[Crl], None]
    ) -> tuple[Attempt, Crl | None]:
        """The answer of one of the `uris` of a point. The CRL is None if the issuer did not make it."""
        try:
            self._downloads.crl(uri, path)
            data = read_regular(path, limits.CRL_FILE_BYTES)
        except (Undecided, FormatError) as error:
            return self._gatherer.note(place.to_check, failed_attempt(uri, kind, AttemptResult.FAILED, error)), None
        finally:
            path.unlink(missing_ok=True)
        with self._gatherer.lock:
            attempt, crl = self._gatherer.take_crl(data, uri, place.issuers, place.to_check, uris, check)
            self._gatherer.downloaded(data, uri, place.to_check, attempt)
            return self._gatherer.note(place.to_check, attempt), crl

    def _ask_in_turn(
        self, uris: Iterable[str], to_check: Sequence[CertificateToCheck], ask: Callable[[str], Attempt]
    ) -> None:
        """Ask places that should all have the same answer, until one has a fresh one."""
        attempts: list[Attempt] = []
        for uri in uris:
            attempt = ask(uri)
            attempts.append(attempt)
            if is_answer(attempt) and attempt.next_update is not None and attempt.next_update >= self._gatherer.at:
                break
        with self._gatherer.lock:
            self._gatherer.in_turn.append((to_check, attempts))


def _check_count(urls: Sequence[str], points: Sequence[DistributionPoint]) -> None:
    """Bounds how many URLs one certificate can make us ask. Raises Undecided(fetch.limit)."""
    count = len(urls) + sum(len(point.uris) for point in points)
    if count > limits.NAMED_URLS:
        text = f"it names {count} URLs; none is asked where there are more than {limits.NAMED_URLS}"
        raise Undecided("fetch.limit", text)
