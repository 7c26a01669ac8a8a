"""The catalogue of reason codes: stable names for the causes of verdicts.

One row for each code: its exit code, its meaning, and what to do. Reports and exit codes use this table, and a test
compares docs/reference/reason-codes.md with it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["REASONS", "ExitCode", "Reason"]


class ExitCode:
    """Exit codes of the command (reference/exit-codes.md). The order of severity is `SEVERITY`."""

    OK: Final = 0
    ERROR: Final = 1
    USAGE: Final = 2
    UNSIGNED: Final = 10
    NOT_FOUND: Final = 11
    INVALID: Final = 12
    UNTRUSTED: Final = 13
    REVOKED: Final = 14
    INDETERMINATE: Final = 15
    CONTENT: Final = 16
    ROLLBACK: Final = 17
    MALFORMED: Final = 18
    PARTIAL: Final = 20
    DIFFERENT: Final = 21
    INTERRUPTED: Final = 130


SEVERITY: Final = (
    ExitCode.MALFORMED,
    ExitCode.CONTENT,
    ExitCode.INVALID,
    ExitCode.REVOKED,
    ExitCode.ROLLBACK,
    ExitCode.UNTRUSTED,
    ExitCode.UNSIGNED,
    ExitCode.NOT_FOUND,
    ExitCode.INDETERMINATE,
)
"""With several exit codes, the first of these that occurs is the command's."""


class Reason(NamedTuple):
    """One row of the catalogue."""

    code: str
    exit_code: int
    meaning: str
    remedy: str


_RESIGN = "Ask the publisher for a correctly made signature; this one cannot become valid."
_CHAIN = "Ask the publisher to sign with a certificate chain that meets the Notary Project's requirements."
_TIMESTAMP = "Ask the publisher for a signature with a valid timestamp countersignature."
_CRL = "Fetch the current CRL on the connected side (airgap trust fetch), and put it into the trust directory's crls/."
_OCSP = (
    "Fetch a current response on the connected side (airgap trust fetch), and put it into the trust directory's ocsp/."
)
BRING_LAYOUT: Final = "Bring the layout, or put this evidence into the trust directory (airgap trust fetch LAYOUT)."
MADE_SO: Final = (
    "To fetch it again does not help as long as the CA makes it so. Ask the CA, or ask the publisher for a certificate "
    "with another way to ask about it (OCSP, or a plain CRL). Until then the policy can only log this check (override "
    "in the statement's signatureVerification), and nothing can pass it."
)
"""The remedy for evidence that its issuer always makes in this way."""
_FORGED = (
    "Get the issuer's own evidence (airgap trust fetch). If the named file is in the trust directory, remove it, too: "
    "it may be damaged evidence, and a newer piece beside it does not make up for it."
)
_CLOCK = "Check this machine's clock: a moment that is named with --at does not replace it."
_STORE = "Correct the named trust store below truststore/x509/ in the trust directory."
_POLICY = "Correct the trust policy at the place that the message names."
_SNAPSHOT = "Ask the sender for the snapshot again; do not apply this one."
_CONTENT = "Copy the artifact again from its source; what arrived here is not what was sent."
_AS_MADE = (
    "Content with the right digest is as it was made, and another copy of it is the same: ask its maker to write it "
    "again."
)

_ROWS: Final = (
    # signatures as artifacts: requirements/manifest.md
    ("signature.none", 10, "The artifact has no signature.",
     "Copy it again with its referrers; if the publisher signs it, the signature was left behind."),
    ("signature.left_behind", 10, "No signature is here, and by its acquisition record signatures may have been left.",
     "Copy it again from its source with all referrers: airgap copy without options that leave some out."),
    ("signature.manifest", 12, "A signature manifest does not have the form that the specification demands.", _RESIGN),
    ("signature.unreadable", 16, "A signature's manifest or envelope is missing or corrupt.", _CONTENT),
    # envelopes: sections 3 to 5
    ("envelope.malformed", 12, "The envelope cannot be parsed as its media type says.", _RESIGN),
    ("envelope.algorithm", 12, "The algorithm is missing, not allowed, or not the one that the key demands.", _RESIGN),
    ("envelope.critical", 12, "The list of critical headers is missing, empty or wrong.", _RESIGN),
    ("envelope.critical.unknown", 12, "A critical attribute is not understood.",
     "Use a verifier that understands the attribute; ignoring it is forbidden."),
    ("envelope.content_type", 12, "The payload's content type is not the Notary Project's.", _RESIGN),
    ("envelope.scheme", 12, "The signing scheme is missing or unknown.", _RESIGN),
    ("envelope.time", 12, "A signing time or expiry is missing, misplaced or malformed.", _RESIGN),
    ("envelope.certificates", 12, "The envelope carries no usable certificate chain.", _RESIGN),
    ("envelope.signature", 12, "The signature value does not verify under the signing certificate's key.",
     "The signature or what it covers was altered, or it was made with another key. Get it again from its source."),
    ("payload.malformed", 12, "The signed payload is not a descriptor as the specification demands.", _RESIGN),
    ("payload.mismatch", 12, "The signature is about another artifact.",
     "This signature was attached to the wrong artifact; get the artifact again from its source."),
    # certificate chains
    ("chain.malformed", 12, "A certificate of the chain cannot be parsed.", _CHAIN),
    ("chain.length", 12, "The chain has more certificates than are accepted.", _CHAIN),
    ("chain.order", 12, "The chain is incomplete, out of order, or a certificate was not issued by the next.", _CHAIN),
    ("chain.root", 12, "The chain does not end in a self-signed root.", _CHAIN),
    ("chain.self_signed", 12, "A self-signed certificate is where it may not be.", _CHAIN),
    ("chain.hash", 12, "A certificate is signed with SHA-1 or another hash that is not accepted.", _CHAIN),
    ("chain.ca.basic_constraints", 12, "A CA certificate lacks critical basic constraints with cA true.", _CHAIN),
    ("chain.ca.path_length", 12, "A CA certificate's path length is exceeded.", _CHAIN),
    ("chain.ca.key_usage", 12, "A CA certificate lacks critical key usage with keyCertSign.", _CHAIN),
    ("chain.ca.key", 12, "A CA certificate's key is too weak or of an unknown kind.", _CHAIN),
    ("chain.leaf.basic_constraints", 12, "The signing certificate is a CA.", _CHAIN),
    ("chain.leaf.key_usage", 12, "The signing certificate's key usage does not fit.", _CHAIN),
    ("chain.leaf.extended_key_usage", 12, "The signing certificate's extended key usage does not fit.", _CHAIN),
    ("chain.leaf.key", 12, "The signing certificate's key is not of an allowed kind and size.", _CHAIN),
    ("chain.extension", 13, "A certificate of the timestamping chain has a constraint that is not met.", _CHAIN),
    # trust
    ("trust.exchanged", 18, "The trust directory was exchanged for another each time it was looked at.",
     "Wait for airgap trust snapshot to end. If it was killed, run apply or undo again: it finishes what was begun."),
    ("policy.missing", 18, "The trust directory holds no trust policy.",
     "Put a trustpolicy.oci.json into the trust directory, or name another directory with --trust."),
    ("policy.malformed", 18, "The trust policy breaks a rule; nothing was judged.", _POLICY),
    ("policy.doubtful", 0, "The trust policy is valid, but says something that is hardly meant.", _POLICY),
    ("policy.no_statement", 13, "No statement of the trust policy applies to this repository.",
     "Add the repository to a statement's registryScopes, or name the right one with --scope."),
    ("policy.scope_needed", 13, "Which repository this is has to be said: statements of the policy differ.",
     "Name it with --scope, or in full as the tag (TARGET:registry.example/app:v1); what the layout says is a claim."),
    ("policy.name_conflict", 13, "The artifact's name and its acquisition record name different repositories.",
     "If you know which repository it is, name it with --scope; else copy it again from its source."),
    ("policy.skip", 0, "The trust policy says that signatures of this repository are not verified.",
     "Nothing proves who made this artifact. Use another level if that is not meant."),
    ("store.missing", 18, "A trust store that the policy names does not exist.", _STORE),
    ("store.empty", 18, "A trust store that the policy names holds no certificate.", _STORE),
    ("store.malformed", 18, "A trust store holds something that it may not hold.", _STORE),
    ("store.ignored", 0, "A trust store holds a folder, which is ignored.", _STORE),
    ("store.intermediate", 0, "A trust store holds a CA certificate that is not a root.",
     "Put the root into the store instead, unless only this intermediate is to be trusted."),
    ("store.unusable", 0, "A trust store holds a certificate that no chain can end in.",
     "Replace it by one with a key and signature that are accepted (RSA 2048, P-256, SHA-256 or better), marked as a CA."),
    ("authenticity.no_store", 13, "The policy names no trust store of the kind that the signing scheme needs.", _POLICY),
    ("authenticity.no_anchor", 13, "No certificate of the chain is in the trust stores that the policy names.",
     "If this publisher is to be trusted, add its root certificate to the trust store, after checking its fingerprint."),
    ("identity.mismatch", 13, "The signer is not one of the policy's trusted identities.",
     "If this signer is to be trusted, add its subject to the statement's trustedIdentities."),
    ("identity.none", 13, "The policy has no identity of a kind that can be checked here.", _POLICY),
    ("identity.subject", 13, "The signing certificate's subject cannot be compared with identities.", _CHAIN),
    ("identity.plugin", 13, "The verification plugin does not accept the signer.",
     "Read the plugin's reason; it judges by the statement's trustedIdentities and by its own configuration."),
    ("plugin.required", 13, "The signature demands a verification plugin.",
     "Name the plugin with --allow-plugin where it is installed, or ask the publisher for a plain signature."),
    ("plugin.failed", 13, "The verification plugin could not do its work or refused.",
     "Read the plugin's message; check its version and what it needs."),
    ("metadata.missing", 13, "Required metadata is not in the signature.",
     "Check the -m option's key, or ask the publisher for a signature with this metadata."),
    ("metadata.different", 13, "Required metadata has another value in the signature.",
     "Check the -m option's value, or that this is the build that was meant."),
    # times: sections 5, 8 and 9
    ("expiry.passed", 13, "The signature has expired.", "Ask the publisher for a newer signature."),
    ("time.certificate.expired", 13, "A certificate of the signing chain has expired.",
     "Ask the publisher for a timestamped signature, and name a tsa trust store in the policy."),
    ("time.certificate.not_yet", 13, "A certificate of the signing chain is not valid yet.",
     "Check this machine's clock; name the right moment with --at."),
    ("time.authentic", 13, "The authentic signing time is outside a certificate's validity.", _RESIGN),
    ("timestamp.missing", 13, "The policy demands a timestamp, and the signature has none.", _TIMESTAMP),
    ("timestamp.malformed", 13, "The timestamp token cannot be parsed, or breaks a rule of RFC 3161.", _TIMESTAMP),
    ("timestamp.hash", 13, "The timestamp token uses a hash that is not accepted.", _TIMESTAMP),
    ("timestamp.imprint", 13, "The timestamp is about another signature.", _TIMESTAMP),
    ("timestamp.attributes", 13, "The token's signed attributes do not match its content.", _TIMESTAMP),
    ("timestamp.signer", 13, "The token's signing certificate cannot be established.", _TIMESTAMP),
    ("timestamp.signature", 13, "The token's signature does not verify.", _TIMESTAMP),
    ("timestamp.chain", 13, "The timestamping chain breaks a rule.", _TIMESTAMP),
    ("timestamp.validity", 13, "A certificate of the timestamping chain was not valid at the stated time.", _TIMESTAMP),
    ("timestamp.untrusted", 13, "The timestamping chain does not end in the policy's tsa trust stores.",
     "If this timestamping authority is to be trusted, add its root to a tsa store that the policy names."),
    ("timestamp.range", 13, "The timestamp is outside the validity of a signing certificate.", _TIMESTAMP),
    # revocation
    ("revocation.revoked", 14, "A certificate has been revoked.",
     "Do not use this artifact. Ask the publisher for one signed with a good certificate."),
    ("revocation.on_hold", 14, "A certificate is on hold.",
     "Do not use this artifact until the issuer lifts the hold in a newer CRL."),
    ("revocation.plugin", 14, "The verification plugin refuses the signature in its check of revocation.",
     "Read the plugin's reason. If it says revoked, do not use the artifact; get one that is signed anew."),
    ("revocation.crl.missing", 15, "A CRL that is needed is not available.", _CRL),
    ("revocation.crl.stale", 15, "The CRL is past its nextUpdate.", _CRL),
    ("revocation.crl.future", 15, "The CRL is from the future.", _CLOCK),
    ("revocation.crl.malformed", 15, "The CRL cannot be parsed or breaks a rule of RFC 5280.", _CRL),
    ("revocation.crl.issuer", 15, "The CRL is not from the certificate's issuer.", _CRL),
    ("revocation.crl.signature", 15, "The CRL's signature does not verify under the issuer's key.", _FORGED),
    ("revocation.crl.scope", 15, "The CRL does not cover this certificate.", _CRL),
    ("revocation.crl.extension", 15, "The CRL has a critical extension that is not understood.", MADE_SO),
    ("revocation.crl.delta", 15, "The delta CRL is missing, stale or does not fit the base CRL.", _CRL),
    ("revocation.ocsp.missing", 15, "An OCSP response that is needed is not available.", _OCSP),
    ("revocation.ocsp.stale", 15, "The OCSP response is past its nextUpdate, or names none.", _OCSP),
    ("revocation.ocsp.future", 15, "The OCSP response is from the future.", _CLOCK),
    ("revocation.ocsp.malformed", 15, "The OCSP response cannot be parsed or is an error.", _OCSP),
    ("revocation.ocsp.signature", 15, "The OCSP response's signature does not verify.", _FORGED),
    ("revocation.ocsp.responder", 15, "The OCSP responder may not answer for this issuer.", _OCSP),
    ("revocation.ocsp.unknown", 15, "The OCSP responder does not know the certificate.",
     "Ask the CA why; to ask the responder again (airgap trust fetch) helps only where the certificate is new."),
    # evidence and clock
    ("evidence.malformed", 18, "An evidence index or the freshness file is malformed.",
     "Correct crls/index.json, ocsp/index.json or airgap.toml in the trust directory."),
    ("evidence.unread", 15, "A file of evidence that may change the answer cannot be read.",
     "Repair the named file, put a good copy of the same evidence in its place, or remove it if it is not evidence."),
    ("evidence.unusable", 0, "An evidence file cannot be used and is left out.",
     "If it is evidence, put a good copy in its place; else remove it."),
    ("evidence.astray", 0, "Evidence is in the trust directory outside of crls/ and ocsp/, and is not used.",
     "Move the named file into crls/ or ocsp/ of the trust directory."),
    ("evidence.stale.accepted", 0, "Stale evidence was accepted, as airgap.toml or --max-age allows.",
     "Refresh the evidence when a medium comes next."),
    ("evidence.older", 0, "What was offered is older than the available evidence, and was ignored.",
     "If the issuer really went back, remove the newer file from the trust directory; else report it to the issuer."),
    ("evidence.unneeded", 0, "An offered evidence file answers for nothing that was asked about, and was ignored.",
     "Name the targets whose certificates it is about, or leave the file out."),
    ("trust.misnamed", 0, "A file of the trust directory has nearly the name of one that is read, and is not read.",
     "Rename it as the message says, or remove it."),
    ("trust.proposal", 0, "A target holds trust stores or a policy; they were not used.",
     "What travels with content proves nothing. Accept it by airgap trust snapshot apply, if you trust its signer."),
    # fetching evidence on the connected side
    ("fetch.unreachable", 15, "The host that a certificate names could not be reached.",
     "Check network and proxy; fetch again later, or take the file from elsewhere with --from."),
    ("fetch.timeout", 15, "The host that a certificate names did not answer in time, or too slowly.",
     "Fetch again later, or give it more time with --url-timeout, and the whole fetch with --timeout."),
    ("fetch.status", 15, "The host that a certificate names answered with an error.",
     "Fetch again later; if it persists, tell the issuer, and take the file from elsewhere with --from."),
    ("fetch.redirect", 15, "The host led on too often, or to where it cannot be followed.",
     "Take the file from elsewhere with --from, and tell the issuer."),
    ("fetch.scheme", 15, "A URL of this kind is not asked by default.",
     "Add --allow-https for https; take what is elsewhere (ldap, ftp) by hand and hand it over with --from."),
    ("fetch.limit", 15, "What came is larger, or there are more URLs, than is accepted.",
     "Take the file from elsewhere with --from, and tell the issuer."),
    ("fetch.issuer", 15, "The issuer's certificate is not available, so that evidence cannot be checked.",
     "Name a trust directory whose tsa stores hold the authority's root with --trust."),
    ("fetch.unkept", 15, "What came is kept nowhere: it is about no image of the layout that gets evidence.",
     "Name a trust directory to keep it in (--trust), or put it beside this target itself: --into TARGET."),
    ("clock.behind", 0, "The moment judged for is before the newest evidence was made.",
     "Check this machine's clock."),
    # snapshots, as docs/reference/snapshot.md describes them
    ("snapshot.malformed", 18, "A trust snapshot does not have the form that it must have.", _SNAPSHOT),
    ("snapshot.unpinned", 13, "No signer is pinned for snapshots of this stream.",
     "Pin the signer with airgap trust pin add, after comparing the fingerprint over another channel."),
    ("snapshot.pin.outdated", 13, "A pin of one certificate, set by an older version, does not name its issuers.",
     "Compare again and set it anew: airgap trust pin add --exact, then airgap trust pin delete with the old id."),
    ("snapshot.rollback", 17, "The snapshot is older than the last one accepted of its stream.",
     "Get the current snapshot. To go back on purpose, say why with --allow-rollback REASON."),
    ("snapshot.fork", 17, "Another snapshot with this number was accepted before.",
     "Two snapshots have the same number: find out who made both, and make a new one with a higher number."),
    ("snapshot.state.lost", 17, "The memory of which snapshots were accepted is lost, or older than it was.",
     "Restore it from a backup. If it is gone, compare the number with the sender and say --accept-lost-state REASON."),
    ("snapshot.state.malformed", 18, "The file of pins or the memory of accepted snapshots is malformed.",
     "Restore pins.json or state.json below .airgap/ in the trust directory from a backup."),
    ("snapshot.stale", 0, "The snapshot is past its use-by date.", "Get the current snapshot when a medium comes next."),
    ("snapshot.tuf.malformed", 18, "The TUF metadata of a snapshot is missing or malformed.", _SNAPSHOT),
    ("snapshot.tuf.signature", 12, "TUF metadata is not signed by as many pinned keys as it must be.", _SNAPSHOT),
    ("snapshot.tuf.expired", 13, "TUF metadata has expired: perhaps newer snapshots are being withheld.",
     "Get the current snapshot; check this machine's clock."),
    ("snapshot.tuf.content", 16, "The TUF metadata is about other files than the snapshot holds.", _CONTENT),
    # judging again
    ("ledger.foreign", 18, "The file is not a ledger.",
     "Name the right file. Nothing was written to this one."),
    ("ledger.newer", 18, "The ledger was made by a newer version.", "Use that version. Nothing was written to the file."),
    ("ledger.damaged", 18, "The ledger is damaged, or it was written by something else.",
     "Bring back the newest copy of it that is whole. Nothing was written to this one."),
    ("ledger.rewritten", 18, "Rows of the ledger are not as they were written.",
     "Find out who can write to the file, and compare it with receipts and exports."),
    ("receipt.malformed", 18, "A receipt does not have the form that it must have.",
     "Ask the site for the receipt again."),
    ("bundle.malformed", 18, "The document of a bundle does not have the form that it must have.",
     "Ask the sender for the bundle again. What is beside it can be verified by name: airgap verify LAYOUT:TAG."),
    ("bundle.claims", 0, "A bundle lists what its sender packed. It proves nothing.",
     "Nothing has to be done."),
    ("bundle.more", 0, "There is more in the layout than its bundle lists. It was judged as always.",
     "If you did not add it, ask the sender."),
    ("bundle.platform", 11, "A platform is missing in the source, or one that was chosen is not listed there.",
     "Choose what is there with --platform, or add --allow-missing-platforms."),
    ("bundle.incomplete", 15, "Evidence about a signer is missing, so that the far side could not decide.",
     "Get it (airgap trust fetch says what is missing), or add --allow-incomplete."),
    ("stream.replayed", 17, "The bundle is not newer than the last one of its stream that was brought in.",
     "Ask the sender for the current bundle. To import this one on purpose, say why: import --allow-replay REASON."),
    ("stream.forked", 17, "Another bundle with this number of its stream was brought in.",
     "Ask the sender which one is right. To import this one on purpose, say why: import --allow-replay REASON."),
    ("stream.let_in", 0, "A bundle that is not newer than the last one of its stream was let in by the operator.",
     "Nothing has to be done. The mark of the stream is that of this bundle now."),
    ("stream.gap", 0, "Bundles of a stream with lower numbers were not brought in here.",
     "Look for them, or ask the sender, if what they carried is needed. Of this bundle nothing is missing."),
    ("stream.unwatched", 0, "A bundle is numbered, and no ledger is named that knows the numbers before.",
     "Name the ledger of the site: --ledger FILE."),
    ("recheck.unproven", 15, "The report does not hold what is needed to judge again.",
     "Name the layout instead, or verify it again with --report."),
    ("recheck.nothing", 15, "There is nothing to judge again.",
     "Name reports of airgap verify, or layouts that hold artifacts."),
    ("recheck.replaced", 15, "The name in the report leads to another artifact now.",
     "Verify what is there now (airgap verify); keep reports apart from layouts that are written again."),
    ("recheck.report_alone", 0, "The layout is gone; what the report says about signature and content is taken as it is.",
     "Keep reports where only the verifier can write."),
    # content
    ("content.missing", 16, "A blob is not there.", _CONTENT),
    ("content.unreadable", 16, "A blob is there but cannot be read, or is not a regular file.",
     "Check the medium and its permissions; if it reports read errors, copy the artifact again onto a good one."),
    ("content.size", 16, "A blob has another size than its descriptor says.", _CONTENT),
    ("content.digest", 16, "A blob's bytes do not match its digest.",
     "Copy the artifact again from its source, with --verify-existing if into the same layout; it is not what was sent."),
    ("content.data", 16, "A descriptor's embedded data is not what it describes.", _CONTENT),
    ("content.malformed", 16, "A manifest or index cannot be parsed.", _AS_MADE),
    ("content.algorithm", 16, "A digest algorithm cannot be checked here.",
     "Ask its maker for one with digests of sha256, sha384 or sha512: another copy of this one is the same."),
    ("content.limit", 16, "The artifact exceeds a bound of depth, count or size.",
     "Another copy of it is as large: ask its maker for a smaller one, or for several."),
    ("content.held", 15, "Layers are held elsewhere, as the list of the bundle says, and were not checked.",
     "Import it: that looks for each of them in the registry of the site. What is here is judged by --content manifests."),
    ("content.held.missing", 16, "A layer that the bundle leaves out is not where it is said to be held.",
     "Write down what has to be sent again, and carry that back: airgap receipt request."),
    ("content.held.there", 0, "Layers that the bundle leaves out are in the destination.",
     "Nothing has to be done. To read and hash them, too: import --verify-held."),
    ("content.absent", 0, "A platform was left out on purpose when this was copied.",
     "Copy it again without --platform if it is needed."),
    # reading a layout
    ("layout.malformed", 16, "This is not an OCI image layout that can be read.",
     "Copy the layout again from its source; if it is the same there, ask its maker to write it again."),
    ("layout.disagrees", 16, "manifest.json or repositories beside the layout name something that index.json does not.",
     "docker load takes what they name, and none of it was verified. Copy what was (airgap copy THIS NEW), and use that."),
    ("layout.volumes", 0, "Something is beside the volumes of a layout, and is not read.",
     "Look whether it is what you meant: name one volume of the layout that is to be verified."),
    ("layout.entry", 0, "An entry of the layout belongs to no artifact, or other tools may read it in another way.",
     "If it was meant to count, copy the artifact again from its source; if not, it can be left out of the layout."),
)  # fmt: skip

REASONS: Final = MappingProxyType({row[0]: Reason(*row) for row in _ROWS})
"""Every reason code with its row."""


def severity(exit_code: int) -> int:
    """A key to sort by: the most severe first."""
    return SEVERITY.index(exit_code) if exit_code in SEVERITY else len(SEVERITY)


def most_severe(exit_codes: frozenset[int] | set[int]) -> int:
    """The one exit code for all of them (reference/exit-codes.md); `OK` where there is none."""
    for code in SEVERITY:
        if code in exit_codes:
            return code
    return max(exit_codes, default=ExitCode.OK)


def remedy_of(reason: str | None, own: str = "") -> str:
    """What to do: the remedy of this case, else that of the reason code; empty where there is none."""
    return own or (REASONS[reason].remedy if reason else "")
