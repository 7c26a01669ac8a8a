"""Words of oras, skopeo, notation and regctl: taken where they mean the same or nothing here; else ours is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TRUE: Final = frozenset({"", "true", "True", "1", "t"})
NEEDLESS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "copy": {
        "all": _TRUE,
        "-a": frozenset({""}),
        "multi-arch": frozenset({"all"}),
        "preserve-digests": _TRUE,
        "referrers": _TRUE,
        "insecure-policy": _TRUE,
        "src-tls-verify": _TRUE,
        "dest-tls-verify": _TRUE,
        "tls-verify": _TRUE,
    },
    "ls": {"tls-verify": _TRUE},
    "discover": {"tls-verify": _TRUE},
    "inspect": {"tls-verify": _TRUE},
    "login": {"tls-verify": _TRUE},
    "sign": {"tls-verify": _TRUE},
}
"""By command: options (long ones without their hyphens) that ask for what happens anyway, with the values that do."""
HERE: Final[Mapping[str, str]] = {
    "src-tls-verify": "--from-insecure (no check of the certificate), or --from-plain-http",
    "dest-tls-verify": "--to-insecure (no check of the certificate), or --to-plain-http",
    "tls-verify": "--insecure (no check of the certificate), or --plain-http",
    "insecure-skip-tls-verify": "--insecure",
    "skip-tls-verify": "--insecure",
    "src-creds": "--from-username and --from-password-stdin",
    "dest-creds": "--to-username and --to-password-stdin",
    "creds": "--username and --password-stdin",
    "src-username": "--from-username",
    "dest-username": "--to-username",
    "src-password": "--from-password-stdin",
    "dest-password": "--to-password-stdin",
    "src-authfile": "--from-registry-config",
    "dest-authfile": "--to-registry-config",
    "from-authfile": "--from-registry-config",
    "to-authfile": "--to-registry-config",
    "src-cert-dir": "--from-ca-file",
    "dest-cert-dir": "--to-ca-file",
    "cert-dir": "--ca-file",
    "src-no-creds": "an empty --from-registry-config",
    "retry-times": "--retries",
    "override-os": "--platform OS/ARCH",
    "override-arch": "--platform OS/ARCH",
    "multi-arch": "--platform OS/ARCH for one platform; all come along without it",
    "remove-signatures": "--exclude-referrers",
    "sign-by": "airgap sign, after the copy",
    "to-ref": "the last argument",
    "include-external": "nothing: layers of other hosts are named, not copied",
    "trust-policy": "--trust DIR",
    "policy": "--trust DIR",
    "certificate-identity": "a statement of the trust policy (airgap trust policy)",
    "signature-manifest": "nothing: a signature refers to its image",
    "scopes": "--scope",
    "user-meta": "--user-metadata",
    "image-spec": "nothing: manifests are copied as they are",
    "force-tag": "nothing: a copy moves its tag",
}
"""What these long options are here."""
COMMANDS: Final[Mapping[tuple[str, ...], str]] = {
    ("cert", "generate-test"): "airgap key generate",
    ("certificate", "generate-test"): "airgap key generate",
    ("generate-test",): "airgap key generate",
    ("list-tags",): "airgap ls",
    ("image", "copy"): "airgap copy",
    ("image", "export"): "airgap copy",
    ("image", "import"): "airgap copy",
    ("manifest", "fetch"): "airgap inspect",
    ("artifact", "tree"): "airgap discover",
    ("artifact", "put"): "airgap attach",
    ("repo", "ls"): "airgap ls",
    ("repo", "tags"): "airgap ls",
    ("tag", "ls"): "airgap ls",
    ("registry", "login"): "airgap login",
    ("standalone-sign",): "airgap sign",
    ("standalone-verify",): "airgap verify",
}
"""Commands of these tools, and the one that does it here."""


def without_needless(command: str, option: str, words: list[str]) -> list[str] | None:
    """The words without an option that asks for what happens anyway; None where it is none, or asks for more."""
    taken = NEEDLESS.get(command, {}).get(option.removeprefix("--"))
    if taken is None:
        return None
    for place, word in enumerate(words):
        if word == "--":
            return None
        name, _, value = word.partition("=")
        if name != option:
            continue
        end = place + 1
        if "" not in taken and value == "" and words[end : end + 1]:  # its value is a word of its own
            value, end = words[end], end + 1
        follows = words[end : end + 1]
        return [*words[:place], *words[end:]] if value in taken and follows != ["false"] else None
    return None


def here(option: str) -> str:
    """What another tool's option is here, as an addition to the message; empty where that is not known."""
    ours = HERE.get(option.removeprefix("--"))
    return f" Here it is {ours}." if ours else ""
