"""Slips of the hand that the tests once did not notice, each with the test that notices it now.

`python -m mutants --slips` makes each of them and runs its test. `tests/architecture/test_mutants.py` holds that
the lines are there, and that docs/explanation/mutation-testing.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from mutants.operators import Mutant


class Slip(NamedTuple):
    """One wrong change, and who notices it."""

    rule: str
    """What it breaks, as the page of the documentation says it."""
    path: str
    before: str
    """Text that the file has once."""
    after: str
    test: str

    def mutant(self, root: Path) -> Mutant:
        """The change of the file as it is now. Raises ValueError where the text is not there, or more than once."""
        source = (root / self.path).read_bytes()
        text = self.before.encode()
        if source.count(text) != 1:
            raise ValueError(f"{self.path} has this {source.count(text)} times, not once: {self.before}")
        start = source.index(text)
        line = source.count(b"\n", 0, start) + 1
        return Mutant(self.path, line, 0, "slip", self.before, self.after, start, start + len(text))


def survivors(root: Path, place: Path) -> Iterator[Slip]:
    """Makes each slip in a copy of the repository at `place`, and yields those that their test does not notice."""
    from mutants.trial import Copy, Fate, preload

    preload()
    copy = Copy(root, place)
    for slip in SLIPS:
        if copy.try_out(slip.mutant(root), [slip.test], {slip.test: 10.0}) not in {Fate.KILLED, Fate.SLOW}:
            yield slip


SLIPS: Final = (
    Slip(
        "a CRL with an empty list of reasons (onlySomeReasons) covers none",
        "airgap/pki/crl_scope.py",
        "reasons=read_reasons(reasons, _WHERE) if reasons else None",
        "reasons=(read_reasons(reasons, _WHERE) or None) if reasons else None",
        "tests/unit/revocation/test_clear.py::TestPoints::test_a_crl_of_no_reasons_answers_for_none",
    ),
    Slip(
        "so does a distribution point with an empty list",
        "airgap/pki/extensions.py",
        "reasons=read_reasons(reasons, where) if reasons else None",
        "reasons=(read_reasons(reasons, where) or None) if reasons else None",
        "tests/unit/revocation/test_clear.py::TestPoints::test_a_point_of_no_reasons_answers_for_none",
    ),
    Slip(
        "a hold of the same time as an answer of the other kind (OCSP, CRL) counts",
        "airgap/revocation/judge.py",
        "hold.this_update < answer.since",
        "hold.this_update <= answer.since",
        "tests/unit/revocation/test_condemn.py::test_a_hold_condemns_until_newer_evidence_lifts_it",
    ),
    Slip(
        "a hold of the same time and number as a clean CRL counts",
        "airgap/revocation/judge.py",
        "file.facts.issued < max(known)",
        "file.facts.issued <= max(known)",
        "tests/unit/revocation/test_condemn.py::test_a_hold_of_one_moment_and_number_counts_whatever_its_fingerprint",
    ),
    Slip(
        "of two bodies of evidence the newest CRL decides",
        "airgap/revocation/combined.py",
        "key=lambda file: file.facts.age, reverse=True",
        "key=lambda file: file.facts.age",
        "tests/unit/revocation/test_combined.py::test_crls_of_all_bodies_come_newest_first",
    ),
    Slip(
        "a response of the same time that went with a layout counts",
        "airgap/revocation/lost_answers.py",
        "item.evidence.this_update >= since",
        "item.evidence.this_update > since",
        "tests/unit/revocation/test_lost_answers.py::test_a_response_that_would_decide_now_leaves_the_answer_open",
    ),
    Slip(
        "a signature made at the very invalidityDate is revoked",
        "airgap/revocation/entry_meaning.py",
        "query.signed_at < invalid_since",
        "query.signed_at <= invalid_since",
        "tests/unit/revocation/test_condemn.py::test_only_the_meaning_of_the_entry_counts",
    ),
    Slip(
        "a CRL made after the certificate ended is reported, as its entry may be dropped",
        "airgap/revocation/clearing_crls.py",
        "if not query.certificate.ended_before(crl.this_update)",
        "if query.certificate.not_after > crl.this_update",
        "tests/unit/revocation/test_clear.py::TestNewerThatDoesNotCount::test_reports_a_crl_made_after_the_certificate_ended",
    ),
    Slip(
        'OCSP "unknown" counts before "good" of the same time',
        "airgap/pki/single_response.py",
        '("revoked", "unknown", "good")',
        '("revoked", "good", "unknown")',
        "tests/unit/revocation/test_clear.py::TestOcsp::test_the_graver_of_two_responses_of_one_moment_counts",
    ),
    Slip(
        'OCSP "unknown" is no answer',
        "airgap/revocation/clearing.py",
        'if single.status == "unknown":\n            raise',
        "if not single.status:\n            raise",
        "tests/unit/revocation/test_clear.py::TestOcsp::test_the_graver_of_two_responses_of_one_moment_counts",
    ),
    Slip(
        "past nextUpdate a responder need not be valid any more",
        "airgap/revocation/clearing.py",
        "at=min(judged, single.next_update or judged)",
        "at=judged",
        "tests/unit/revocation/test_clear.py::TestAge::test_a_delegate_need_not_be_valid_after_next_update",
    ),
    Slip(
        "until then it must be",
        "airgap/pki/ocsp.py",
        'self._check_valid(candidate, at, "and the answer was needed")',
        "pass",
        "tests/unit/revocation/test_clear.py::TestAge::test_an_answer_ends_with_the_delegate_that_signed_it",
    ),
    Slip(
        "an external layer may be missing, but not unreadable",
        "airgap/oci/content.py",
        "error.is_missing and descriptor.is_external",
        "descriptor.is_external",
        "tests/unit/oci/test_content.py::test_an_unreadable_foreign_layer_is_a_problem",
    ),
    Slip(
        "a manifest is not put if one of its blobs failed",
        "airgap/transfer/mover.py",
        "failed = next((key for key in (*node.below, node.subject) if key in failures), None)",
        "failed = None",
        "tests/unit/transfer/test_mover.py::test_a_manifest_whose_blob_failed_is_not_put_and_nothing_above_it",
    ),
    Slip(
        "Range of an upload names its last byte",
        "airgap/net/wire.py",
        "return last + 1 if last else 0",
        "return last",
        "tests/net/test_bounds_of_repetition.py::test_reads_the_offset_that_a_registry_reports",
    ),
    Slip(
        "an upload goes on where the registry says, inside of the chunk",
        "airgap/net/upload.py",
        "not start <= have <= end",
        "not start - 1 <= have <= end",
        "tests/net/test_bounds_of_repetition.py::test_restarts_an_upload_at_an_unknown_offset",
    ),
    Slip(
        "a chunk that arrived whole is not sent again",
        "airgap/net/upload.py",
        "not start <= have <= end",
        "not start <= have < end",
        "tests/net/test_bounds_of_repetition.py::test_continues_after_a_chunk_that_arrived_whole",
    ),
    Slip(
        "a request is repeated as often as `retries` says",
        "airgap/net/http.py",
        "if attempt >= self.options.retries or not self._worth_repeating",
        "if attempt > self.options.retries or not self._worth_repeating",
        "tests/net/test_bounds_of_repetition.py::test_repeats_a_request_up_to_the_bound",
    ),
    Slip(
        "so is an upload",
        "airgap/net/upload.py",
        "if attempt >= self._client",
        "if attempt > self._client",
        "tests/net/test_bounds_of_repetition.py::test_restarts_an_upload_up_to_the_bound",
    ),
    Slip(
        "so is a chunk",
        "airgap/net/upload.py",
        "self._failures >= self._client",
        "self._failures > self._client",
        "tests/net/test_bounds_of_repetition.py::test_repeats_a_chunk_up_to_the_bound_in_each_upload",
    ),
    Slip(
        "so is a download",
        "airgap/net/download.py",
        "self._cuts >= self._client",
        "self._cuts > self._client",
        "tests/net/test_bounds_of_repetition.py::test_resumes_a_blob_up_to_the_bound",
    ),
    Slip(
        "a registry over https gets no token over http, also without credentials",
        "airgap/net/auth.py",
        '(secret or self._home.scheme == "https")',
        "secret",
        "tests/net/test_bounds_of_repetition.py::test_chooses_the_token_service",
    ),
    Slip(
        "credentials are not sent to a token service over http",
        "airgap/net/auth.py",
        '(secret or self._home.scheme == "https")',
        'self._home.scheme == "https"',
        "tests/net/test_bounds_of_repetition.py::test_chooses_the_token_service",
    ),
    Slip(
        "a pin of a certificate names no roots",
        "airgap/trust/snapshots/pins.py",
        "self.subject is not None or bool(self.roots) or bool(self.tuf_root)",
        "self.subject is not None or bool(self.tuf_root)",
        "tests/unit/trust/snapshots/test_pin_kinds.py::test_refuses_members_of_another_kind",
    ),
    Slip(
        "the new tree is on the medium before the journal",
        "airgap/trust/snapshots/swap.py",
        "flush_tree(self.next)\n",
        "pass\n",
        "tests/unit/trust/snapshots/test_order_of_flushing.py::test_the_new_tree_is_flushed_before_the_journal_and_the_journal_before_the_exchange",
    ),
    Slip(
        "a signature is expired at its expiry, in verify and recheck",
        "airgap/verifier/engine.py",
        "if self._at >= expiry",
        "if self._at > expiry",
        "tests/e2e/test_edges_of_time.py::test_a_signature_has_expired_from_its_expiry_on",
    ),
    Slip(
        "signatures of signing authorities need a store of that type",
        "airgap/verifier/engine.py",
        "StoreType.CA if facts.scheme is Scheme.X509 else StoreType.SIGNING_AUTHORITY",
        "StoreType.CA",
        "tests/e2e/test_edges_of_time.py::test_an_authoritys_signature_needs_a_store_for_authorities",
    ),
    Slip(
        "the time of a signing authority is proven",
        "airgap/verifier/engine.py",
        "        if facts.scheme is Scheme.SIGNING_AUTHORITY:\n            return",
        "        if not facts.scheme:\n            return",
        "tests/e2e/test_edges_of_time.py::test_the_time_of_the_signing_authority_counts_after_the_certificate_ended",
    ),
    Slip(
        "and is compared with invalidityDate",
        "airgap/verifier/authentic_time.py",
        "    return facts.authentic_time\n",
        "    return None\n",
        "tests/e2e/test_edges_of_time.py::test_the_authoritys_time_is_compared_with_the_date_of_invalidity",
    ),
    Slip(
        "`trust status` takes the stricter tolerance of signing and timestamping",
        "airgap/trust/piece_status.py",
        "min(end for end in (*ends, signer_end) if end is not None)",
        "max(end for end in (*ends, signer_end) if end is not None)",
        "tests/e2e/test_edges_of_time.py::test_the_stricter_of_both_tolerances_counts_to_the_second",
    ),
    Slip(
        "what comes along by tags of cosign is about nothing that does not verify",
        "airgap/stages/gate.py",
        "all(asked.reaching(subject) in self._reached for subject in subjects_of(item))",
        "any(asked.reaching(subject) in self._reached for subject in subjects_of(item))",
        "tests/copy/test_gate.py::test_what_has_several_tags_of_cosign_is_about_all_that_they_name",
    ),
    Slip(
        "evidence with a name in a registry needs a signature",
        "airgap/stages/gate_layout.py",
        "return not item.wanted.tags and item.wanted.descriptor.digest in self.evidence",
        "return item.wanted.descriptor.digest in self.evidence",
        "tests/copy/test_gate.py::test_evidence_and_bundles_with_a_name_in_a_registry_are_judged",
    ),
    Slip(
        "so does a bundle that is asked for by itself",
        "airgap/stages/gate_layout.py",
        "return item.wanted.is_bundle and not item.wanted.tags and item.wanted.descriptor.digest in self.bundles",
        "return not item.wanted.tags and item.wanted.descriptor.digest in self.bundles",
        "tests/copy/test_gate.py::test_evidence_and_bundles_with_a_name_in_a_registry_are_judged",
    ),
    Slip(
        "what comes along and could be run is accepted by itself, or not copied",
        "airgap/stages/gate.py",
        "if judged.exit_code not in {0, *self.tolerated}:",
        "if judged.exit_code in self.tolerated:",
        "tests/copy/test_brought_along.py::test_keep_going_leaves_out_what_brings_it",
    ),
    Slip(
        "a problem of the whole judgement ends a copy, also with `--keep-going`",
        "airgap/stages/gate.py",
        'raise untrusted(problem, "nothing is copied: ", problem.exit_code)',
        "pass",
        "tests/copy/test_gate.py::test_a_problem_of_the_judgement_ends_the_copy_also_if_it_keeps_going",
    ),
)
