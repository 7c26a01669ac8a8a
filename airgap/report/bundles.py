"""The report on making a bundle: what was judged, which evidence came, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from airgap.bundle.bundle_document import BundleDocument, DeltaBase
from airgap.bundle.created_bundle import BundleResult
from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso, iso_or_null
from airgap.reasons import ExitCode
from airgap.report.bundle_split import volume_lines, volumes_document
from airgap.report.copying import CopyReport
from airgap.report.fetching import FetchReport
from airgap.report.finding_text import problem_and_warning_lines
from airgap.report.importing import reasons_of
from airgap.report.report import TOOL, Json, OutcomeReport
from airgap.report.style import PLAIN, Style
from airgap.report.verdict_sentence import headline
from airgap.report.verify_text import VerifyReport, artifact_lines
from airgap.report.wording import count, error_document, size
from airgap.text import safe
from airgap.transfer.volume_layout import Volume
from airgap.trust.fingerprint_words import set_id

if TYPE_CHECKING:
    from airgap.report.judged_run import JudgedRun

BUNDLE_CREATE_SCHEMA: Final = "airgap.bundle.create/1"


@dataclass(frozen=True, slots=True)
class BundleCreateReport(OutcomeReport[BundleResult]):
    """What `airgap.create_bundle` did: `airgap.bundle.create/1` (airgap/schemas/bundle-create.schema.json)."""

    verbose: bool = False
    """Whether the text says every check."""
    seconds: float | None = None
    """How long it took."""

    @classmethod
    def of_failure(cls, error: AirgapError, destination: str) -> Self:
        """The report of one that ended with `error` before anything was read."""
        return cls(BundleResult(destination=safe(destination), dry_run=False, error=error))

    def _members(self) -> Json:
        result = self.outcome
        return {
            "schema": BUNDLE_CREATE_SCHEMA,
            "tool": TOOL,
            "exit_code": self.exit_code,
            "destination": result.destination,
            "dry_run": result.dry_run,
            "created": self.exit_code == ExitCode.OK and not result.dry_run,
            "bundle": _bundle(result),
            **({"volumes": volumes_document(self._volumes)} if self._volumes else {}),
            "taken": [
                {"reference": item.reference, "digest": str(item.descriptor.digest), "exit_code": item.exit_code}
                for item in result.taken
            ],
            "manifests": {
                "images": [
                    {
                        "reference": safe(item.reference),
                        "written": safe(item.written),
                        "place": item.place,
                        "note": item.note,
                    }
                    for item in result.found.images
                ],
                "suspicions": [
                    {"text": item.text, "place": item.place, "why": item.why} for item in result.found.suspicions
                ],
            },
            "judgement": VerifyReport(result.outcome).document() if result.outcome else None,
            "evidence": FetchReport(result.fetched).document() if result.fetched else None,
            "copy": self._copied.document() if self._copied else None,
            "error": error_document(result.error) if result.error else None,
        }

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        from airgap.report.judged_run import run_of

        outcome = self.outcome.outcome
        return run_of(
            outcome,
            command="airgap bundle create",
            headline=self._headline(PLAIN),
            exit_code=self.exit_code,
            heading=lambda: {**self._members(), "judgement": VerifyReport(outcome).heading() if outcome else None},
            error=self.outcome.error,
        )

    def lines(self, style: Style) -> Iterator[str]:
        """Whether there is a bundle, why not, and then what is in it."""
        result = self.outcome
        yield self._headline(style)
        yield from self._error_lines(style)
        if result.outcome is not None:
            yield headline(result.outcome)
            for artifact in result.outcome.artifacts:
                if artifact.exit_code or self.verbose:
                    yield from artifact_lines(artifact, style, self.verbose)
            yield from problem_and_warning_lines(replace(result.outcome, artifacts=()), style)
        elif result.fetched is not None:
            yield f"  {style.paint('unsure', 'note')} nothing was judged here: it is not known who signed what"
        if result.fetched is not None:
            fetched = FetchReport(result.fetched, self.verbose)
            yield from fetched.table_lines(style) if self._tells_evidence else style.paragraph(fetched.sentence())
        yield from self._found_lines(style)
        if self._copied is not None:
            yield from self._copied.lines(style)
        if result.document is not None and result.descriptor is not None and result.error is None:
            yield from bundle_lines(result.document, result.descriptor, style)
            yield from volume_lines(self._volumes)

    def brief_lines(self) -> Iterator[str]:
        """Whether there is a bundle, and how it is called."""
        yield self._headline(PLAIN)
        yield from self._error_lines(PLAIN)
        outcome = self.outcome.outcome
        if outcome is not None and self.outcome.error is not None:
            yield from VerifyReport(outcome).brief_lines()
        yield from self._found_lines(PLAIN)

    def _found_lines(self, style: Style) -> Iterator[str]:
        """What manifests may name and does not come along: never left out."""
        for image in self.outcome.found.images:
            if image.note:
                yield f"  {style.paint('unsure', 'note')} {image.place}: {safe(image.written, limit=160)}: {image.note}"
        for item in self.outcome.found.suspicions:
            word = style.paint("unsure", "NOT TAKEN")
            yield f"  {word} {item.place}: {item.text}: {item.why}. If it is an image that is needed, name it"

    @property
    def _tells_evidence(self) -> bool:
        fetched = self.outcome.fetched
        return self.verbose or (fetched is not None and (fetched.misses_something or fetched.is_revoked))

    @property
    def _volumes(self) -> tuple[Volume, ...]:
        return self.outcome.copied.volumes if self.outcome.copied and not self.outcome.error else ()

    @property
    def _copied(self) -> CopyReport | None:
        copied = self.outcome.copied
        return CopyReport(result=copied, seconds=self.seconds) if copied else None

    def _headline(self, style: Style) -> str:
        result = self.outcome
        if result.error is not None and result.copied is not None:
            return style.paint("unsure", f"BUNDLED in {result.destination}, but something else failed; see below.")
        if result.error is not None or result.document is None:
            return style.paint("bad", f"NO BUNDLE was made in {result.destination}.")
        what = f"{count(len(result.document.artifacts), 'artifact')} in {result.destination}"
        taken = f" NOT ACCEPTED here, and taken all the same: {len(result.taken)}." if result.taken else ""
        if result.dry_run:
            return style.paint("strong", f"WOULD BE BUNDLED: {what}.{taken}")
        kind = "unsure" if result.taken or result.outcome is None else "good"
        return style.paint(kind, f"BUNDLED: {what}.{taken}")

    def _error_lines(self, style: Style) -> Iterator[str]:
        error, outcome = self.outcome.error, self.outcome.outcome
        if error is None or (outcome is not None and error.reason in reasons_of(outcome)):
            return
        code = f" [{error.reason}]" if error.reason and f"[{error.reason}]" not in str(error) else ""
        yield f"  {style.paint('bad', 'problem')} {error}{code}"
        if error.remedy:
            yield f"          → {error.remedy}"


def bundle_lines(document: BundleDocument, descriptor: Descriptor, style: Style) -> Iterator[str]:
    """A bundle in some lines: whose it is, what to compare, and until when it can be used."""
    about = f"{document.stream} number {document.number}, " if document.stream else ""
    yield f"  bundle     {about}made {iso(document.created)}, {size(document.total)} in {len(document.blobs)} files"
    yield f"  set id     {style.paint('strong', set_id(descriptor.digest))}"
    yield f"  digest     {descriptor.digest}"
    yield f"  use by     {iso(document.use_by) if document.use_by else 'not known'}"
    if document.base is not None:
        yield f"  delta      since {document.base.text}"
        yield f"  NOT HERE   {held_text(document.base)}: import looks for each in the registry"


def held_text(base: DeltaBase) -> str:
    """What a delta leaves out, in few words."""
    return f"{count(len(base.held), 'layer')} that the receiver is said to hold, {size(base.total)}"


def base_document(base: DeltaBase | None) -> Json | None:
    """What a delta leaves out; null for a bundle that is no delta."""
    if base is None:
        return None
    return {
        "since": [
            {
                "kind": item.kind,
                "digest": str(item.digest),
                "created_at": iso(item.created),
                "name": None if item.name is None else safe(item.name),
            }
            for item in base.since
        ],
        "layers": len(base.held),
        "bytes": base.total,
    }


def _bundle(result: BundleResult) -> Json | None:
    if result.document is None or result.descriptor is None or result.error is not None:
        return None
    document = result.document
    return {
        "digest": str(result.descriptor.digest),
        "set_id": set_id(result.descriptor.digest),
        "stream": document.stream,
        "number": document.number,
        "created_at": iso(document.created),
        "use_by": iso_or_null(document.use_by),
        "artifacts": len(document.artifacts),
        "blobs": len(document.blobs),
        "bytes": document.total,
        "base": base_document(document.base),
        "signed": result.signed,
    }
