"""Every bound, with its reason. More than a bound is refused, never truncated."""

from datetime import timedelta
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

MANIFEST_BYTES: Final = 4 * MIB
"""Manifests and indexes: distribution-spec asks registries for at least 4 MiB; LIM-1 and LIM-4 take no more."""

INDEX_ENTRIES: Final = 100_000
"""Descriptors in one index: a 4 MiB manifest holds some 25,000; `index.json` of a large mirror may hold more."""

LAYOUT_FILE_BYTES: Final = 64 * KIB
"""`oci-layout`: the usual one has 30 bytes."""

LAYOUT_INDEX_BYTES: Final = 64 * MIB
"""`index.json`: unlike a manifest it grows with the mirror; 64 MiB are some 200,000 artifacts."""

DIGEST_CHARACTERS: Final = 255
"""A digest as text: sha512 has 135 characters; it must do as a file's name."""

DESCRIPTOR_URLS: Final = 64
"""URLs of one descriptor: foreign layers have one or two."""

LAYERS: Final = 4096
"""Layers or blobs of one manifest: container engines stop near 128."""

GRAPH_DEPTH: Final = 16
"""Nesting of indexes and of referrers of referrers: real ones have 3; a bomb has more."""

GRAPH_NODES: Final = 250_000
"""Manifests that one layout may hold."""

GRAPH_BYTES: Final = 256 * MIB
"""Manifests of one layout that are kept in memory together: 200,000 of the usual kilobyte."""

GRAPH_REACHED: Final = 2_000_000
"""Descriptors that the artifacts of one layout reach together, counted for each artifact: 20,000 images reach some
600,000. Thousands of hostile indexes that list the same thousands of manifests would reach many millions."""

REPEATS_SHOWN: Final = 10_000
"""Lines of a tree about manifests that it shows elsewhere already; the rest is counted."""

REFERRERS: Final = 10_000
"""Referrers of one subject that are looked at."""

REFERRERS_BELOW: Final = 10_000
"""Referrers of an artifact, of its children and of its referrers together, as a registry lists them: each costs two
requests, and a list of ten thousand that each list ten thousand would cost all memory."""

RECORDED_BELOW: Final = 1000
"""Referrers of children and of referrers that an acquisition record names: thousands more would make it larger than
what is read of it."""

SIGNATURES: Final = 100
"""Signatures judged per artifact by default (LIM-5)."""

ENVELOPE_BYTES: Final = 4 * MIB
"""Signature envelope: real ones have 2 to 16 KiB; the reference takes 32 MiB (LIM-2)."""

CHAIN_CERTIFICATES: Final = 10
"""Certificates in a chain: real chains have 1 to 4; the reference has no limit (LIM-13)."""

TOKEN_CERTIFICATES: Final = 64
"""Certificates embedded in one RFC 3161 token."""

TOKEN_EVIDENCE: Final = 64
"""CRLs and OCSP responses embedded in one RFC 3161 token: most have none."""

TOKEN_SIGNERS: Final = 8
"""Signers of one RFC 3161 token, each of which may cost a path search: real tokens have one."""

PATH_SIGNATURES: Final = 100
"""Signatures checked while the chain of a timestamp is searched: the reference's bound (LIM-13)."""

TOKEN_BYTES: Final = 1 * MIB
"""RFC 3161 token: the reference bounds the TSA's answer so (LIM-8)."""

CERTIFICATE_BYTES: Final = 64 * KIB
"""One DER certificate."""

STORE_FILE_BYTES: Final = 1 * MIB
"""One file of a trust store."""

STORE_FILES: Final = 1000
"""Entries of one named trust store's directory."""

STORE_CERTIFICATES: Final = 1000
"""Certificates in one named trust store."""

POLICY_BYTES: Final = 1 * MIB
"""One trust policy document."""

POLICY_STATEMENTS: Final = 1000
"""Statements of one trust policy document."""

POLICY_SCOPES: Final = 10_000
"""Repositories of one policy statement."""

POLICY_IDENTITIES: Final = 1000
"""Trusted identities of one policy statement: each is compared with each other (ID-13)."""

POLICY_STORES: Final = 100
"""Trust stores that one policy statement names."""

POLICY_REFUSALS: Final = 1000
"""Refusals of one trust policy document that are reported one by one; the others are counted."""

CRL_BYTES: Final = 64 * MIB
CRL_FRAME_BYTES: Final = 16 * KIB  # a CRL without its entries: real ones have 2 KiB
ANSWERS_NOTED: Final = 4  # answers of one kind about a certificate in a report; of the rest only the newest
NEWER_SHOWN: Final = 3  # newer refused evidence that is shown; of the rest only the number is
MISPLACED_DEPTH: Final = 16  # how deep misplaced evidence is looked for in a trust directory
EVIDENCE_DEPTH: Final = 4  # how deep folders of evidence are read
ENTRIES_OF_ONE_SERIAL: Final = 1000
"""Entries of one CRL with the same serial number that are read: an indirect one may have one for each issuer."""
CRL_FILE_BYTES: Final = CRL_BYTES * 3 // 2  # PEM is longer than its DER; the parser bounds the DER
"""One CRL: a million entries are 49 MB; the reference takes 32 MiB (LIM-6)."""

OCSP_BYTES: Final = 64 * KIB
"""One OCSP response: the reference cuts at 20 KiB (LIM-7), delegated responders with long chains need more."""

EVIDENCE_FILES: Final = 10_000
"""Files in one evidence directory."""

MISPLACED_FILES: Final = 100_000
"""Files and folders in one trust directory that are looked at for misplaced evidence, by their beginnings."""

FOLDER_NAMES: Final = 1_000_000
"""Names in one folder that is searched for misplaced evidence."""

EVIDENCE_PIECES: Final = 50_000
"""CRLs and other pieces in the evidence files of one place: a PEM file may hold several."""

UNSIGNED_SHARE: Final = 2
"""One part in so many of the bounds of a trust directory, up to which unsigned snapshots may fill it with evidence: any
carrier may have made them, and what is signed must have room."""

STATEMENTS_REPORTED: Final = 256
"""What evidence in a target says against one certificate, in a report: each takes 600 bytes for each signature."""

PEM_BLOCKS: Final = 10_000
"""Blocks of one PEM file of CRLs: an association of CAs has some hundreds."""

LOOSE_FILES: Final = 100_000
"""Files in a layout, beside its own, that may be evidence."""
LOOSE_DEPTH: Final = 3  # how deep they are looked for: media have much else in deeper folders

EVIDENCE_URLS: Final = 10_000
"""Distribution points and responders that one fetch asks: a mirror's artifacts share a few hundred."""

NAMED_URLS: Final = 32
"""URLs that one certificate, or one CRL for its deltas, may name: real ones have six at most, and each may be slow."""

LAYOUTS_WITH_EVIDENCE: Final = 200
"""Layouts with new evidence that are kept open at once: a process has some thousand files at most."""

TARGET_EVIDENCE_FILES: Final = EVIDENCE_FILES
"""Evidence files taken from one target: a snapshot in it may hold all of a trust directory's."""

SIGNER_CERTIFICATES: Final = 10_000
"""Different certificates in all signatures of one target: those of a mirror's signers are a few dozen."""

OTHER_RESPONDERS: Final = 16
"""Delegated responders of one issuer, valid at one time, that are tried for a response that names none of them."""

TARGET_EVIDENCE_BYTES: Final = 512 * MIB
"""Evidence taken from one target: its headers are read before anything about it is known to be true."""

EVIDENCE_INDEX_BYTES: Final = 4 * MIB
"""`crls/index.json` and `ocsp/index.json`."""

CONFIG_BYTES: Final = 64 * KIB
"""`airgap.toml`: it has four lines."""

JSON_DEPTH: Final = 32
"""Nesting of a JSON document; OCI and Notary documents have at most 8."""

JSON_OPEN_DEPTH: Final = 10_000
"""Nesting of a JSON document of others, whose unknown members are read over: that of readers in Go."""

JSON_PART_DEPTH: Final = 256
"""Nesting that is given to Python's parser at once, well below what it takes."""

CBOR_DEPTH: Final = 8
"""Nesting of a COSE envelope; ours have 3."""

DER_DEPTH: Final = 32
"""Nesting of a DER structure; a timestamp token has some 15."""

DER_CHILDREN: Final = 1000
"""Elements of one DER structure that are kept at once: most have ten. Longer lists, as that of a CRL, are read
one by one."""

DER_INTEGER_BYTES: Final = 64
"""Octets of one INTEGER or OBJECT IDENTIFIER that is read as such: serial numbers have at most 20 (RFC 5280)."""

TAR_MEMBERS: Final = 2_000_000
"""Members of a layout tar."""

TAR_BYTES: Final = 2**60
"""One member of a tar: larger numbers are damage, and additions to them would overflow elsewhere."""

UNPACKED_BYTES: Final = 1024 * MIB
"""A compressed tar of any size may unpack to this many bytes; beyond that, `UNPACKED_RATIO` counts."""

UNPACKED_RATIO: Final = 50
"""How many times larger a compressed tar may become: layers are compressed already; other files shrink to a tenth."""

UNPACKER_BYTES: Final = 256 * MIB
"""Memory for unpacking xz: `xz -9` needs 65 MiB, a hostile file could ask for 4 GiB."""

TAR_PAX_BYTES: Final = 512 * KIB
"""One PAX extended header: names and sizes need some hundred bytes. bsdtar fails for a record of a megabyte."""

TAR_END_BYTES: Final = 16 * MIB
"""Zeros at the end of a tar: two blocks, filled up to whole records of mostly 10 KiB."""

TAR_NAME_BYTES: Final = 1024
"""A member's path; each part of it has at most 255 bytes, as on every file system."""

TAR_DEPTH: Final = 32
"""Parts of a member's path; a layout needs three."""

TAR_FOLDERS: Final = 100_000
"""Directories in a tar, stated or needed: a layout has some, and each is remembered."""

TEXT_CHARACTERS: Final = 512
"""Longest untrusted text shown on a terminal; longer ones are cut with a mark."""

CHUNK_BYTES: Final = 1 * MIB
"""Read size for hashing and copying: larger is not faster (measured in benchmarks/)."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far after the judged time evidence may be dated: clocks differ by minutes, not by hours (D52)."""

REGISTRY_PAGES: Final = 1000
"""Pages of one list (tags, referrers) of a registry: a page has 100 to 1000 entries, or is meant to never end."""

REGISTRY_TAGS: Final = 1_000_000
"""Tags of one repository; the largest that are known have some 100,000."""

REGISTRY_REPOSITORIES: Final = 1_000_000
"""Repositories of one registry."""

REGISTRY_NAMES_CHARACTERS: Final = 128 * MIB
"""All tags of a repository, or all repositories: a million tags of 128 characters, the longest that there are."""

TAG_PAGE_BYTES: Final = 32 * MIB
"""One page of tags: distribution 2.8 sends all of them in one."""

UPLOAD_CHUNK_BYTES: Final = 8 * MIB
"""One piece of a chunked upload, held in memory so that it can be sent again."""

UPLOAD_CHUNK_LEAST_BYTES: Final = 256 * KIB
"""Smallest piece tried where a proxy refuses larger ones; nginx takes 1 MiB by default."""

MANIFEST_CACHE_BYTES: Final = 16 * MIB
"""Manifests of one repository kept in memory, as looking for referrers and copying them read the same ones."""

SNAPSHOT_FILES: Final = 4096
"""Files of one trust snapshot: each is a layer, and `LAYERS` is the same number."""

SNAPSHOT_BYTES: Final = 1024 * MIB
"""Files of one trust snapshot together: a dozen of the largest CRLs that are accepted."""

SNAPSHOT_PATH_CHARACTERS: Final = 240
"""Path of one file of a snapshot: Windows stops at 260 with the folder before it."""

PINS: Final = 1000
"""Pinned signers of snapshots; a site has one or two."""

STATE_BYTES: Final = 4 * MIB
"""`state.json` and `pins.json` below `.airgap/`."""

STATE_HISTORY: Final = 1000
"""Entries of the history in `state.json`; older ones are dropped."""

ATTACHED_BYTES: Final = 256 * MIB
"""The files of one `airgap attach`: they are held in memory. SBOMs of large images have tens of megabytes."""

REPORT_BYTES: Final = 256 * MIB
"""One verify report: some ten kilobytes for each signature, of which the timestamp token is the most."""

TUF_BYTES: Final = 5 * MIB
"""One file of TUF metadata: the bound that python-tuf has for targets."""

NOTES_SHOWN: Final = 50
"""Oddities, or unreadable entries, of one layout that a report lists; the rest is counted."""

UNREAD_REPEATED: Final = 3
"""Unreadable entries of a layout that each of its artifacts lists, as each may be its signature; of more, each artifact
says only the number."""

LOCATED_CHARACTERS: Final = 64 * KIB
"""Bytes of a JSON text that is searched for the line of a duplicate member; people write no larger ones."""
MISTAKE_CHARACTERS: Final = 200
"""Characters before a JSON syntax error that are searched for its cause."""

NEAR_FILES: Final = 1_000
"""Entries of a folder that are searched for a name similar to the missing one."""

PLUGIN_OUTPUT_BYTES: Final = 8 * MIB
"""What a plugin may answer: the largest envelope in base64 with room to spare; the reference takes 64 MiB (LIM-9)."""

PLUGIN_ERROR_BYTES: Final = 64 * KIB
"""What is kept of a plugin's stderr: an error in JSON has a few hundred bytes, a chatty log any number."""

PLUGIN_ATTRIBUTES: Final = 1000
"""Names in one list of a plugin's answer."""

PLUGIN_METADATA_SECONDS: Final = 15
"""`get-plugin-metadata`, which is to make no remote calls (PX, Plugin metadata); a cold interpreter takes one."""

PLUGIN_SECONDS: Final = 120
"""Any other command: a person may have to touch a token, a remote service may have to wake up."""

PLUGIN_PACKAGE_BYTES: Final = 256 * MIB
"""What is installed as a plugin, packed and unpacked (LIM-10)."""

PLUGIN_PACKAGE_FILES: Final = 1000
"""Members of a plugin's archive."""

PLUGINS: Final = 1000
"""Entries of the plugin directory that are looked at."""

KEY_CONFIG_BYTES: Final = 1 * MIB
"""`signingkeys.json`: an entry has some 200 bytes."""

SIGNING_KEYS: Final = 1000
"""Entries of `signingkeys.json`."""

KEY_FILE_BYTES: Final = 64 * KIB
"""One file with a private key or a pass phrase: an RSA-4096 key has 3 KiB."""

HASHING_THREADS: Final = 32
"""Threads that hash content at once: more read no medium faster; each takes 8 MiB of address space for its stack."""

LIST_BYTES: Final = 16 * MIB
"""A list of references to copy: 100,000 of them with digests."""

LEDGER_ROW_BYTES: Final = 1 * MIB
"""One row of a ledger without its verdict document: some hundred bytes, and the names of an artifact."""

LEDGER_ROW_TEXTS: Final = 128 * KIB
"""Tags, or signers, that one row lists: a thousand tags; the verdict document has all."""

LEDGER_ATTACHED_BYTES: Final = REPORT_BYTES
"""What is kept beside one row: a verdict document, or 100 bytes for each blob that an import put."""

LEDGER_ROWS: Final = 100_000_000
"""Rows of one ledger: a thousand judgements a day for 270 years."""

LEDGER_WAIT_SECONDS: Final = 30
"""How long a writer waits for another: an import of 1000 images writes its rows in one second."""

LEDGER_BATCH: Final = 1000
"""Rows that are read at a time, so that a reader holds up no writer."""

NOTE_CHARACTERS: Final = 16 * KIB
"""A custody note: people write a few lines."""

RECEIPT_BYTES: Final = 256 * MIB
"""A receipt has 100 bytes for each digest that a site holds."""

RECEIPT_DIGESTS: Final = 2_000_000
"""Manifests and blobs that one receipt lists: as many as a layout reaches (GRAPH_REACHED)."""

RECEIPT_STREAMS: Final = 10_000
"""Streams of bundles whose marks one receipt lists."""

RECEIPT_REGISTRIES: Final = 1000
"""Registries of one site."""

BUNDLE_BYTES: Final = 64 * MIB
"""The document of a bundle: it has 100 bytes for each content, of which a mirror of 20,000 images has some 200,000."""

BUNDLE_BLOBS: Final = 600_000
"""Contents that one bundle lists: more have no room in `BUNDLE_BYTES`."""

VOLUMES: Final = 500
"""Volumes of one layout: each is an open file. A terabyte is 250 volumes of FAT32."""

TARS_BESIDE: Final = 2000
"""Tars in a folder that are looked at, whether they are volumes of one layout."""

VOLUME_TABLE_BYTES: Final = 128 * MIB
"""The table of a layout in volumes: a place for each of `BUNDLE_BLOBS`."""

DELTA_BASES: Final = 100
"""Receipts and bundles since which one delta is: `--since` may be repeated."""

BUNDLES: Final = 100
"""Bundles in one layout: a copy may gather some."""

SBOM_BYTES: Final = 64 * MIB
"""An SBOM that is searched for licences: those of large images have tens of megabytes."""

YAML_BYTES: Final = 32 * MIB
"""Rendered manifests: a large chart has one megabyte."""

YAML_NODES: Final = 2_000_000
"""Texts, lists, objects and merged members of one YAML file."""

YAML_DEPTH: Final = 100
"""Nesting of a YAML file; a CronJob has some 12."""

SUSPICIONS: Final = 1000
"""Texts that may be images, of one run: more help no reader."""
