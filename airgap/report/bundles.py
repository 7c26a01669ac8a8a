"""The report on making a bundle: what was judged, which evidence came, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from airgap.bundle.bundle_document import BundleDocument, DeltaBase
from airgap.bundle.created_bundle import BundleResult
from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso, iso_or_null
from airgap.reasons import ExitCode
from airgap.report.bundle_split import labelled, volume_lines, volumes_document
from airgap.report.copying import CopyReport
from airgap.report.fetching import FetchReport
from airgap.report.finding_text import passing_note_lines, problem_lines, problem_text, warning_lines
from airgap.report.importing import reasons_of
from airgap.report.report import Json, OutcomeReport
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.verdict_sentence import headline
from airgap.report.verify_text import VerifyReport, artifact_table, judged_by
from airgap.report.wording import count, error_document, sentences_of, size
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

    def heading(self) -> Json:
        """The document without the artifacts that were judged."""
        outcome = self.outcome.outcome
        return self._with_judgement(VerifyReport(outcome).heading() if outcome else None)

    def _members(self) -> Json:
        outcome = self.outcome.outcome
        return self._with_judgement(VerifyReport(outcome).document() if outcome else None)

    def _with_judgement(self, judgement: Json | None) -> Json:
        result = self.outcome
        return {
            **self.first_members(BUNDLE_CREATE_SCHEMA),
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
            "judgement": judgement,
            "evidence": FetchReport(result.fetched).document() if result.fetched else None,
            "copy": self._copied.document() if self._copied else None,
            "error": error_document(result.error) if result.error else None,
        }

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        from airgap.report.judged_run import run_of

        word, _, what = self._result()
        return run_of(
            self.outcome.outcome,
            command="airgap bundle create",
            headline=f"{word}: {what}.",
            exit_code=self.exit_code,
            heading=self.heading,
            error=self.outcome.error,
        )

    def lines(self, style: Style) -> Iterator[str]:
        """By what it was judged, notes, a row an artifact, what is wrong and what to do, the bundle, and the result."""
        result = self.outcome
        word, kind, what = self._result()
        facts = judged_by(result.outcome) if result.outcome is not None else ()
        yield from style.entry(word, ", ".join((what, *facts)), kind)
        if result.outcome is None and result.fetched is not None:
            text = "nothing was judged here: it is not known who signed what"
            yield from style.entry("note", text, "unsure")
        yield from self._found_lines(style)
        if self._copied is not None:
            yield from self._copied.body_lines(style)
        if result.outcome is not None:
            accepted = self._copied is None or self.verbose
            yield from artifact_table(result.outcome, style, verbose=self.verbose, accepted=accepted)
            yield from problem_lines(result.outcome.problems, style)
        if result.fetched is not None and self._tells_evidence:
            yield from FetchReport(result.fetched, self.verbose).table_lines(style)
        yield from self._error_lines(style)
        if self._is_made and result.document is not None and result.descriptor is not None:
            yield ""
            yield from bundle_lines(result.document, result.descriptor, style)
            yield from volume_lines(self._volumes, style)
        yield ""
        yield from self._ending(style)

    def brief_lines(self) -> Iterator[str]:
        """What does not come along, why there is no bundle, and the result."""
        yield from self._found_lines(PLAIN)
        outcome = self.outcome.outcome
        if outcome is not None and self.outcome.error is not None:
            yield from (f"problem {problem_text(problem)}" for problem in outcome.problems)
        yield from self._error_lines(PLAIN)
        yield from self._ending(PLAIN)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings of the judgement and of the copy."""
        result = self.outcome
        warnings = [*(result.outcome.warnings if result.outcome else ())]
        warnings += [item for item in (result.copied.warnings if result.copied else ()) if item not in warnings]
        yield from warning_lines(warnings, style, quiet=quiet)
        if quiet and result.outcome:
            yield from passing_note_lines(result.outcome.artifacts, style)

    def _found_lines(self, style: Style) -> Iterator[str]:
        """What manifests may name and does not come along: never left out."""
        for image in self.outcome.found.images:
            if image.note:
                text = f"{image.place}: {safe(image.written, limit=160)}: {image.note}"
                yield from style.entry("note", text, "unsure")
        for item in self.outcome.found.suspicions:
            text = f"{item.place}: {item.text}: {item.why}. If it is an image that is needed, name it"
            yield from style.entry("NOT TAKEN", text, "unsure")

    @property
    def _is_made(self) -> bool:
        return self.outcome.error is None

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

    def _ending(self, style: Style) -> Iterator[str]:
        """The result, how the bundle is called, the verdict, and the evidence."""
        result = self.outcome
        word, kind, what = self._result()
        sentences = [f"{what}."]
        if result.taken:
            sentences.append(f"NOT ACCEPTED here, and taken all the same: {len(result.taken)}.")
        if self._is_made and result.descriptor is not None:
            sentences.append(f"Set id {set_id_text(result.descriptor)}.")
        if result.outcome is not None:
            sentences.append(headline(result.outcome))
        if result.fetched is not None:
            sentences.append(FetchReport(result.fetched).sentence())
        return style.ending(word, sentences_of(*sentences), self.exit_code, kind)

    def _result(self) -> tuple[str, str, str]:
        """The result in a word or three, how it is painted, and what it is about."""
        result = self.outcome
        if result.error is not None and result.copied is not None:
            return "BUNDLED", "unsure", f"in {result.destination}, but something else failed"
        if result.error is not None or result.document is None:
            return "NO BUNDLE", "bad", f"none was made in {result.destination}"
        what = f"{count(len(result.document.artifacts), 'artifact')} in {result.destination}"
        if result.dry_run:
            return "WOULD BE BUNDLED", "strong", what
        return "BUNDLED", "unsure" if result.taken or result.outcome is None else "good", what

    def _error_lines(self, style: Style) -> Iterator[str]:
        error, outcome = self.outcome.error, self.outcome.outcome
        if error is None or (outcome is not None and error.reason in reasons_of(outcome)):
            return
        code = f" [{error.reason}]" if error.reason and f"[{error.reason}]" not in str(error) else ""
        yield from style.entry("problem", f"{error}{code}", "bad")
        if error.remedy:
            yield from style.arrow(error.remedy)


def bundle_lines(document: BundleDocument, descriptor: Descriptor, style: Style) -> Iterator[str]:
    """A bundle in some lines: whose it is, what to compare, and until when it can be used."""
    about = f"{document.stream} number {document.number}, " if document.stream else ""
    held = f"{unbroken(size(document.total))} in {len(document.blobs)} files"
    yield from labelled("bundle", f"{about}made {iso(document.created)}, {held}", style)
    yield from labelled("set id", style.paint("strong", set_id_text(descriptor)), style)
    yield from labelled("digest", str(descriptor.digest), style)
    yield from labelled("use by", iso(document.use_by) if document.use_by else "not known", style)
    if document.base is not None:
        yield from labelled("delta", f"since {document.base.text}", style)
        yield from labelled("NOT HERE", f"{held_text(document.base)}: import looks for each in the registry", style)


def set_id_text(descriptor: Descriptor) -> str:
    """The set id of a bundle; its digits are not broken."""
    words, _, digits = set_id(descriptor.digest).partition(" (")
    return f"{words} {unbroken(f'({digits}')}"


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
