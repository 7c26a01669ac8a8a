"""Two examples of each command, for its help and its manual page. A test parses each with the real parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Example(NamedTuple):
    """A command line, and what it is for."""

    purpose: str
    line: str


def _pairs(*texts: str) -> tuple[Example, ...]:
    return tuple(map(Example, texts[::2], texts[1::2]))


EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "copy": _pairs(
        "An image with its signatures and SBOMs, for a stick",
        "airgap copy registry.example/team/web:v1 trip.tar",
        "From the stick into the registry of the site",
        "airgap copy trip.tar:v1 registry.site/team/web:v1",
    ),
    "ls": _pairs(
        "What a tar holds: names, platforms, sizes, attachments",
        "airgap ls trip.tar",
        "The tags of a repository",
        "airgap ls registry.example/team/web",
    ),
    "discover": _pairs(
        "What is attached to an image",
        "airgap discover registry.example/team/web:v1",
        "The same of one image in a layout, with whole digests",
        "airgap discover -v ./stick:v1",
    ),
    "inspect": _pairs(
        "Who claims to have signed an image",
        "airgap inspect registry.example/team/web:v1",
        "The same as a document",
        "airgap inspect trip.tar:v1 --json",
    ),
    "verify": _pairs(
        "Everything on a stick, for now and by the default trust directory",
        "airgap verify ./stick",
        "One image, for the day on which it will arrive, with a page to print",
        "airgap verify trip.tar:v1 --at 2030-06-01 --report trip.html",
    ),
    "bundle create": _pairs(
        "An image with its evidence, judged and listed, in one tar",
        "airgap bundle create trip.tar registry.example/team/web:v1",
        "In volumes for a FAT stick, with the next number of a stream",
        "airgap bundle create ./out -f list.txt --volume-size fat32 --stream monthly",
    ),
    "bundle show": _pairs(
        "What is on a medium, for the person who carries it",
        "airgap bundle show trip.tar",
        "The same as a document",
        "airgap bundle show ./volumes --json",
    ),
    "bundle split": _pairs(
        "A bundle in volumes for DVDs",
        "airgap bundle split trip.tar ./volumes --volume-size dvd",
        "How many volumes it would be",
        "airgap bundle split trip.tar ./volumes --volume-size 4G --dry-run",
    ),
    "bundle diff": _pairs(
        "What this month brings",
        "airgap bundle diff may.tar june.tar",
        "The same as a document; exit code 21 where they differ",
        "airgap bundle diff may.tar june.tar --json",
    ),
    "import": _pairs(
        "What passes, into the registry of the site; nothing where something fails",
        "airgap import ./stick registry.site",
        "What passes, also where something else fails, with a record",
        "airgap import ./stick registry.site --keep-going --ledger site.ledger",
    ),
    "trust init": _pairs(
        "Trust a first publisher: five questions",
        "airgap trust init",
        "With one question alone: the fingerprint",
        "airgap trust init --cert ca.crt --store acme --scope '*' --trusted-identity '*'",
    ),
    "trust cert add": _pairs(
        "Trust a CA for signatures",
        "airgap trust cert add root.crt --type ca --store acme",
        "Trust a timestamping authority",
        "airgap trust cert add tsa.pem --type tsa --store tsa",
    ),
    "trust cert list": _pairs(
        "Everybody who is trusted",
        "airgap trust cert list",
        "Only timestamping authorities, of another trust directory",
        "airgap trust cert list --type tsa --trust ./trust",
    ),
    "trust cert show": _pairs(
        "A certificate in a store, with its fingerprint in digits and words",
        "airgap trust cert show root.crt --type ca --store acme",
        "The same as a document",
        "airgap trust cert show root.crt --type ca --store acme --json",
    ),
    "trust cert delete": _pairs(
        "Trust a certificate no longer",
        "airgap trust cert delete root.crt --type ca --store acme",
        "A whole store, without a question",
        "airgap trust cert delete --all --type ca --store acme --yes",
    ),
    "trust policy init": _pairs(
        "One publisher for one repository",
        "airgap trust policy init --name web --trust-store ca:acme "
        "--trusted-identity 'x509.subject: C=US,ST=WA,O=Acme' --scope registry.example/team/web",
        "Every signer below a CA, for all repositories",
        "airgap trust policy init --name all --trust-store ca:acme --trusted-identity '*' --scope '*'",
    ),
    "trust policy add": _pairs(
        "A second publisher",
        "airgap trust policy add --name db --trust-store ca:other "
        "--trusted-identity 'x509.subject: C=US,ST=WA,O=Other' --scope registry.example/team/db",
        "Every signer below a CA, for one repository",
        "airgap trust policy add --name db --trust-store ca:o --trusted-identity '*' --scope r.example/db",
    ),
    "trust policy edit": _pairs(
        "In $EDITOR; put in place only if every rule holds",
        "airgap trust policy edit",
        "The policy for files",
        "airgap trust policy edit --blob",
    ),
    "trust policy import": _pairs(
        "A policy that was written for notation",
        "airgap trust policy import trustpolicy.json",
        "In place of the one that is there",
        "airgap trust policy import trustpolicy.json --force",
    ),
    "trust policy show": _pairs(
        "The policy as it is",
        "airgap trust policy show",
        "The one for files, of another trust directory",
        "airgap trust policy show --blob --trust ./trust",
    ),
    "trust policy check": _pairs(
        "Which statement judges a repository, and why",
        "airgap trust policy check registry.example/team/web",
        "A policy before it is imported",
        "airgap trust policy check --file trustpolicy.json",
    ),
    "trust fetch": _pairs(
        "The evidence that the signatures of an image need",
        "airgap trust fetch registry.example/team/web:v1",
        "The same, attached to the copy that travels",
        "airgap trust fetch trip.tar --into trip.tar",
    ),
    "trust status": _pairs(
        "How old the evidence is, and what goes stale first",
        "airgap trust status",
        "For the day on which it will be used",
        "airgap trust status --at 2030-06-01",
    ),
    "trust expiring": _pairs(
        "What ends within three months",
        "airgap trust expiring --within 90d",
        "With the signatures of what is on a stick",
        "airgap trust expiring ./stick --within 30d",
    ),
    "trust snapshot create": _pairs(
        "Everything that a site needs to trust, in a tar",
        "airgap trust snapshot create -o trust.tar",
        "Evidence alone",
        "airgap trust snapshot create -o crls.tar --evidence-only",
    ),
    "trust snapshot sign": _pairs(
        "With the default key",
        "airgap trust snapshot sign trust.tar",
        "With a named key",
        "airgap trust snapshot sign trust.tar --key security",
    ),
    "trust snapshot show": _pairs(
        "What is in a snapshot",
        "airgap trust snapshot show trust.tar",
        "The same as a document",
        "airgap trust snapshot show trust.tar --json",
    ),
    "trust snapshot diff": _pairs(
        "What a snapshot would change here",
        "airgap trust snapshot diff trust.tar",
        "In another trust directory",
        "airgap trust snapshot diff trust.tar --trust ./trust",
    ),
    "trust snapshot verify": _pairs(
        "Whether a snapshot may be applied here",
        "airgap trust snapshot verify trust.tar",
        "For another moment",
        "airgap trust snapshot verify trust.tar --at 2030-06-01",
    ),
    "trust snapshot apply": _pairs(
        "Put a snapshot in force",
        "airgap trust snapshot apply trust.tar",
        "In another trust directory",
        "airgap trust snapshot apply trust.tar --trust ./trust",
    ),
    "trust snapshot undo": _pairs(
        "Back to what was in force before",
        "airgap trust snapshot undo",
        "In another trust directory",
        "airgap trust snapshot undo --trust ./trust",
    ),
    "trust pin add": _pairs(
        "Pin the signer of a snapshot, with its sender on the telephone",
        "airgap trust pin add trust.tar",
        "From a certificate file, in a script",
        "airgap trust pin add signer.pem --yes-fingerprint AB:CD",
    ),
    "trust pin list": _pairs(
        "Who may sign snapshots here",
        "airgap trust pin list",
        "The same as a document",
        "airgap trust pin list --json",
    ),
    "trust pin delete": _pairs(
        "Refuse the next snapshot of a signer",
        "airgap trust pin delete 3f9a",
        "In another trust directory",
        "airgap trust pin delete 3f9a --trust ./trust",
    ),
    "trust export": _pairs(
        "For notation, with its CRL cache",
        "airgap trust export ./notation --for notation",
        "For podman and skopeo",
        "airgap trust export ./containers --for containers-policy",
    ),
    "ledger list": _pairs(
        "What was judged and brought in since May",
        "airgap ledger list --since 2030-05-01",
        "What was refused, a row in a line",
        "airgap ledger list --verdict fail --format ndjson",
    ),
    "ledger show": _pairs(
        "One row in full",
        "airgap ledger show 12",
        "All about one artifact",
        "airgap ledger show sha256:3f9a1c2b",
    ),
    "ledger check": _pairs(
        "Whether the ledger is as it was written",
        "airgap ledger check",
        "Compared with a receipt that left the site",
        "airgap ledger check --receipt receipt.json",
    ),
    "ledger export": _pairs(
        "All rows, as lines of JSON",
        "airgap ledger export -o ledger.ndjson",
        "To another program",
        "airgap ledger export --ledger site.ledger",
    ),
    "ledger prune": _pairs(
        "Remove the verdict documents of past years",
        "airgap ledger prune --before 2028-01-01",
        "Their rows, too, without a question",
        "airgap ledger prune --before 2028-01-01 --rows --yes",
    ),
    "ledger note": _pairs(
        "Who carried a stick",
        "airgap ledger note 'carried from the gate' --about stick-7 --by Ada",
        "The same, signed",
        "airgap ledger note 'seal was whole' --about stick-7 --by Ada --key ada",
    ),
    "receipt create": _pairs(
        "What the site holds, for the next bundle",
        "airgap receipt create -o receipt.json",
        "The same, signed",
        "airgap receipt create -o receipt.json --site harbour --key site",
    ),
    "receipt show": _pairs(
        "What a receipt says",
        "airgap receipt show receipt.json",
        "The same as a document",
        "airgap receipt show receipt.json --json",
    ),
    "receipt request": _pairs(
        "What the registry lacks of a delta",
        "airgap receipt request ./stick registry.site -o request.json",
        "The same, and what is damaged there",
        "airgap receipt request ./stick registry.site -o request.json --verify-held",
    ),
    "recheck": _pairs(
        "What was accepted, under the newest evidence",
        "airgap recheck trip.json",
        "All that a ledger knows",
        "airgap recheck --ledger site.ledger",
    ),
    "sign": _pairs(
        "An image in a registry, with the default key",
        "airgap sign registry.example/team/web:v1",
        "One in a layout, with a timestamp",
        "airgap sign ./out:v1 --timestamp-url http://tsa.example --timestamp-root-cert tsa.pem",
    ),
    "attach": _pairs(
        "An SBOM to an image",
        "airgap attach sbom.json registry.example/team/web:v1 --artifact-type application/spdx+json",
        "To an image in a layout",
        "airgap attach sbom.json ./out:v1 --artifact-type application/vnd.cyclonedx+json",
    ),
    "timestamp add": _pairs(
        "Signatures that have none",
        "airgap timestamp add registry.example/web:v1 --timestamp-url http://tsa.example --timestamp-root-cert tsa.pem",
        "Those in a layout",
        "airgap timestamp add ./out:v1 --timestamp-url http://tsa.example --timestamp-root-cert tsa.pem",
    ),
    "blob sign": _pairs(
        "A file, with the default key",
        "airgap blob sign firmware.bin",
        "With a named key, in COSE",
        "airgap blob sign firmware.bin --key release --signature-format cose",
    ),
    "blob verify": _pairs(
        "A file, by the signature beside it",
        "airgap blob verify firmware.bin",
        "By another signature and a named statement",
        "airgap blob verify firmware.bin --signature f.jws.sig --policy-name firmware",
    ),
    "blob inspect": _pairs(
        "What the signature of a file says",
        "airgap blob inspect firmware.bin.jws.sig",
        "The same as a document",
        "airgap blob inspect firmware.bin.jws.sig --json",
    ),
    "key add": _pairs(
        "A key in files",
        "airgap key add release --private-key release.key --chain release.pem --default",
        "A key in a token",
        "airgap key add token --private-key 'pkcs11:token=t;object=k' --chain release.pem",
    ),
    "key list": _pairs(
        "All names",
        "airgap key list",
        "The same as a document",
        "airgap key list --json",
    ),
    "key default": _pairs(
        "Sign with this key where none is named",
        "airgap key default release",
        "In another folder of keys",
        "airgap key default release --key-config ./keys",
    ),
    "key delete": _pairs(
        "Forget a name",
        "airgap key delete release",
        "Forget two",
        "airgap key delete old older",
    ),
    "key generate": _pairs(
        "A key to try things out",
        "airgap key generate test --default",
        "With its root in a trust directory",
        "airgap key generate test --trust ./trust --store test",
    ),
    "plugin list": _pairs(
        "What is installed",
        "airgap plugin list",
        "The same as a document",
        "airgap plugin list --json",
    ),
    "plugin install": _pairs(
        "From a file, with the checksum of its publisher",
        "airgap plugin install notation-kms.tar.gz --sha256sum 3f9a1c",
        "In place of an equal or newer one",
        "airgap plugin install notation-kms --sha256sum 3f9a1c --force",
    ),
    "plugin uninstall": _pairs(
        "Remove one",
        "airgap plugin uninstall kms",
        "Without a question",
        "airgap plugin uninstall kms --yes",
    ),
    "login": _pairs(
        "User name and password are asked for",
        "airgap login registry.example",
        "In a script: the password is read from standard input",
        "airgap login registry.example -u builder --password-stdin",
    ),
    "logout": _pairs(
        "Forget the credentials",
        "airgap logout registry.example",
        "In another file",
        "airgap logout registry.example --registry-config auth.json",
    ),
    "demo": _pairs(
        "What passes, and each way to fail",
        "airgap demo",
        "With the layouts, to try more",
        "airgap demo --to ./try",
    ),
    "doctor": _pairs(
        "What does not work on this machine",
        "airgap doctor",
        "The same as a document",
        "airgap doctor --json",
    ),
    "schema": _pairs(
        "The names of all documents",
        "airgap schema",
        "The schema of one",
        "airgap schema verify",
    ),
    "version": _pairs(
        "The version, and of what it runs on",
        "airgap version",
        "The same as a document",
        "airgap version --json",
    ),
    "completion": _pairs(
        "For this account and its shell",
        "airgap completion --install",
        "The script for zsh",
        "airgap completion zsh",
    ),
    "help": _pairs(
        "How references are written",
        "airgap help references",
        "What exit codes mean, as a document",
        "airgap help exit-codes --json",
    ),
}
