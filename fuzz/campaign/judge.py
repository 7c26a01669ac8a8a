"""One mutant before the library: what came of it, and whether a law is broken."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from airgap import TrustDirectory, VerifyRequest, verify
from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.ocsp import OcspResponse
from airgap.reasons import ExitCode
from airgap.revocation.evidence_files import nearly_same
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome, Outcome, ReferrerOutcome, SignatureOutcome
from fuzz.bounds import bounded_time
from fuzz.campaign.case import Case, write_tree
from fuzz.campaign.changes import REF_NAME, Mutant
from fuzz.campaign.tars import as_python_reads_it
from fuzz.campaign.tree import BLOBS, Changes, apply, closure, entries, is_attached

REFERRERS_TAG: Final = re.compile(r"sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")
"""Names that tools give to what refers to a digest."""
_NO_ANSWER: Final = {ExitCode.ERROR, ExitCode.USAGE}
"""Bytes are judged, whatever they are: these say that they were not."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is signed about an artifact, and by whom."""

    signer: str
    scheme: str
    signing_time: datetime | None
    expiry: datetime | None
    metadata: tuple[tuple[str, str], ...]


class Bench:
    """Judges cases and mutants of them, each in a place of its own on the disk (in memory, where it can be)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, Path] = {}
        self._trusts: dict[str, TrustDirectory] = {}
        self.executor: Final[Executor] = ThreadPoolExecutor(1)

    def whole(self, case: Case) -> Outcome:
        """The case as it is."""
        return self.outcome(Mutant(case), "")

    def outcome(self, mutant: Mutant, part: str) -> Outcome:
        """The verdict on the mutant; `part`: nothing, or `:tag` or `@digest`."""
        with self.placed(mutant) as (target, trust):
            return self.verdict(f"{target}{part}", mutant.case, trust)

    def verdict(self, target: str, case: Case, trust: TrustDirectory | Path) -> Outcome:
        """That on what is at `target`, as the case asks for it."""
        request = VerifyRequest(targets=[target], at=case.at, clock=case.at, scope=case.scope)
        with bounded_time():
            return verify(request, trust, executor=self.executor)

    @contextmanager
    def placed(self, mutant: Mutant) -> Iterator[tuple[Path, TrustDirectory | Path]]:
        """The mutant and its trust directory on the disk, as long as the context lasts."""
        case, place = mutant.case, self._place(mutant.case)
        layout = place / "layout"
        if case.archive:
            target = place / "layout.tar"
            target.write_bytes(mutant.archive())
        else:
            target = layout
            _put(layout, mutant.layout)
        _put(place / "trust", mutant.trust)
        try:
            yield target, place / "trust" if mutant.trust else self._trust(case, place)
        finally:
            if not case.archive:
                _put_back(layout, mutant.layout, case.layout)
            _put_back(place / "trust", mutant.trust, case.trust)

    def _place(self, case: Case) -> Path:
        if case.name not in self._places:
            self._places[case.name] = self._folder / case.name
            write_tree(self._folder / case.name / "layout", case.layout)
            write_tree(self._folder / case.name / "trust", case.trust)
        return self._places[case.name]

    def _trust(self, case: Case, place: Path) -> TrustDirectory:
        if case.name not in self._trusts:
            self._trusts[case.name] = TrustDirectory.open(place / "trust")
        return self._trusts[case.name]


def _put(folder: Path, changes: Changes) -> None:
    for name, data in changes.items():
        path = folder / name
        if data is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _put_back(folder: Path, changes: Changes, tree: Mapping[str, bytes]) -> None:
    _put(folder, {name: tree.get(name) for name in changes})
    for parent in {(folder / name).parent for name in changes if name not in tree} - {folder}:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _passing(artifact: ArtifactOutcome | ReferrerOutcome) -> list[SignatureOutcome]:
    return [signature for signature in artifact.signatures if signature.verdict is Verdict.PASS]


def _said(signatures: Iterable[SignatureOutcome]) -> Iterator[Said]:
    for signature in signatures:
        if signer := signature.signer:
            metadata = tuple(sorted(signature.metadata.items()))
            yield Said(signer.fingerprint, signer.scheme, signer.signing_time, signer.expiry, metadata)


def _mark(said: Said) -> tuple[str, datetime | None]:
    return said.signer, said.signing_time


class Law:
    """What may pass, and what may not."""

    def __init__(self) -> None:
        self._content: dict[str, Mapping[str, bytes]] = {}
        self._said: defaultdict[str, set[Said]] = defaultdict(set)
        self._passing: set[str] = set()
        self._own: dict[str, set[str]] = {}
        self._refused: dict[str, set[tuple[str, datetime | None]]] = {}
        self._pieces: set[bytes] = set()

    def learn(self, case: Case, outcome: Outcome) -> None:
        """The result for an unchanged case: what may pass where it passes, else what may not."""
        self._pieces.update(case.trust.values(), case.offers)
        if not case.accepted:
            self._own[case.name] = {str(item.descriptor.digest) for item in outcome.artifacts}
            self._refused[case.name] = {_mark(said) for item in outcome.artifacts for said in _said(item.signatures)}
        for artifact in outcome.artifacts if case.genuine else ():
            # what is attached is signed too, and an artifact of its own where the image is not there
            attached: tuple[ArtifactOutcome | ReferrerOutcome, ...] = (artifact, *artifact.referrers)
            for item in attached:
                digest = str(item.descriptor.digest)
                self._content[digest] = closure(case.layout, digest)
                self._said[digest].update(_said(_passing(item) if case.accepted else item.signatures))
            if case.accepted:
                self._passing.add(str(artifact.descriptor.digest))

    def broken(self, mutant: Mutant, outcome: Outcome) -> str | None:
        """Which law the outcome breaks, as a sentence; None where all hold."""
        if outcome.exit_code in _NO_ANSWER:
            return f"exit code {outcome.exit_code}, where bytes are judged: {outcome.problems[:1]}"
        passing = [item for item in outcome.artifacts if item.verdict in {Verdict.PASS, Verdict.SKIPPED}]
        if passing and not excused(mutant, self._pieces) and (problem := self._refused_here(mutant, passing)):
            return problem
        for artifact in passing:
            if problem := self._pass(mutant, artifact):
                return problem
        if outcome.exit_code == 0 or outcome.verdict in {Verdict.PASS, Verdict.SKIPPED}:
            return _run(outcome)
        return None

    def _refused_here(self, mutant: Mutant, passing: Iterable[ArtifactOutcome]) -> str | None:
        """The second law."""
        name = mutant.case.name
        for artifact in passing:
            digest = str(artifact.descriptor.digest)
            said = {_mark(item) for item in _said(_passing(artifact))}
            if digest in self._own.get(name, set()) and (digest not in self._passing or said & self._refused[name]):
                return f"PASS gained: {digest}, which is refused in this case"
        return None

    def _pass(self, mutant: Mutant, artifact: ArtifactOutcome) -> str | None:
        """The first law."""
        digest = str(artifact.descriptor.digest)
        known = self._said.get(digest)
        if known is None:
            return f"PASS gained: {digest}, without a signature of a trusted signer"
        said = set(_said(_passing(artifact)))
        if not said <= known:
            return f"PASS for {digest} by other words than were signed: {said - known}"
        tree = _seen(mutant)
        wrong = [path for path, data in self._content[digest].items() if tree.get(path) != data]
        return f"PASS over content that is not what was signed: {wrong}" if wrong else None


def _run(outcome: Outcome) -> str | None:
    if not outcome.artifacts or outcome.verdict is not Verdict.PASS or outcome.exit_code != 0:
        return f"{outcome.verdict}, exit code {outcome.exit_code}, {len(outcome.artifacts)} artifacts"
    return None


def hidden(mutant: Mutant, outcome: Outcome) -> str | None:
    """A whole layout passed: then whatever a plain reader finds under a tag was judged, or belongs to what was."""
    tree = _seen(mutant)
    judged = {str(artifact.descriptor.digest) for artifact in outcome.artifacts}
    below = {path for digest in judged for path in closure(tree, digest)}
    for entry in entries(tree):
        digest = str(entry.get("digest"))
        path = f"{BLOBS}{digest.removeprefix('sha256:')}"
        name = entry.get("annotations", {}).get(REF_NAME)
        if not name or digest in judged or path in below:
            continue
        found = REFERRERS_TAG.fullmatch(str(name))
        if found and BLOBS + found[1] in below:
            continue  # what refers to something that was judged, by the names that tools give it
        if path in tree and not is_attached(tree[path]):
            return f"PASS of a whole layout in which {digest} has a name and was not judged"
    return None


def _seen(mutant: Mutant) -> Mapping[str, bytes]:
    """The layout as another reader sees it: of a tar, what Python's tarfile reads."""
    return as_python_reads_it(mutant.archive()) if mutant.case.archive else mutant.tree


def excused(mutant: Mutant, genuine: Collection[bytes]) -> bool:
    """Whether "revoked" is not available any more: its piece is gone, is now another genuine one, or is about others.

    A piece that is damaged, has another name or is in a sub-folder is available and unread: that excuses nothing.
    """
    trust = apply(mutant.case.trust, mutant.trust)
    for path in mutant.case.condemning & mutant.trust.keys():
        original, now = mutant.case.trust[path], mutant.trust[path]
        gone = original not in trust.values()
        if gone and (now is None or now in genuine or _is_about_another(now, original)):
            return True
    return False


def _is_about_another(now: bytes, original: bytes) -> bool:
    """Whether a piece is clearly about another certificate: one that differs by a few bytes is damaged."""
    there, before = _about(now), _about(original)
    if not there or not before:
        return False
    return not any(_is_near(one, other) for one in there for other in before)


def _is_near(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> bool:
    return len(one) == len(other) and sum(map(nearly_same, one, other)) >= min(2, len(one))


def _about(data: bytes) -> list[tuple[bytes, ...]]:
    """Whom a piece of evidence is about, by what can still be read of it; nothing where nothing can.

    The issuer of a CRL, or serial number and hashes in each answer of a response.
    """
    try:
        answers = OcspResponse.parse(data).responses
    except FormatError:
        issuer = _issuer(data)
        return [(issuer,)] if issuer else []
    return [
        (single.serial.to_bytes(24, "big", signed=True), single.issuer_name_hash, single.issuer_key_hash)
        for single in answers
    ]


def _issuer(data: bytes) -> bytes | None:
    """The issuer's name in what was a CRL, whatever the lengths around it say."""
    try:
        place = _inside(data, _inside(data, 0))
        element = der.element_at(data, place, len(data))
        if element.tag == der.INTEGER:
            element = der.element_at(data, element.end, len(data))
        name = der.element_at(data, element.end, len(data)).expect(der.SEQUENCE)
        return b"".join(part.raw for part in name.walk())
    except (FormatError, IndexError):
        return None


def _inside(data: bytes, start: int) -> int:
    length = data[start + 1]
    return start + 2 + (length & 0x7F if length & 0x80 else 0)


def memory_folder() -> Path | None:
    """A folder in memory, where the system has one."""
    shared = Path("/dev/shm")  # noqa: S108 - a hint for speed; a folder of our own is made in it
    return shared if os.access(shared, os.W_OK) else None
