"""Reads private keys and chains from files: PEM, encrypted or not, or JWK; only the owner may read the file.

No message has content of a key or a pass phrase: messages of libraries about them are dropped.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from airgap import limits
from airgap.errors import AirgapError, FormatError
from airgap.files import read_given
from airgap.parse import json
from airgap.pki.certificate import Certificate
from airgap.pki.certificate_files import load_certificates
from airgap.signature.signer import LocalSigner, PrivateKey
from airgap.text import safe

PassPhrase = Callable[[str], bytes | None]
"""Given the key file's name, its pass phrase; None where there is none. Asked only for an encrypted key."""

_PRIVATE: Final = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_ONE_KEY: Final = "Give a PEM file with one private key (PKCS #8), or one private key as a JWK."
_OF_A_KEY: Final = frozenset({"kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"})
"""The members of an RSA or elliptic curve key (RFC 7518, 6.2 and 6.3)."""
_LOOSE: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(AirgapError):
    """A file with a private key or its chain cannot be used."""


def no_pass_phrase(_: str) -> None:
    """There is none."""


def load_local_signer(key: Path, chain: Path, pass_phrase: PassPhrase = no_pass_phrase) -> LocalSigner:
    """The key in one file with the chain in another. Raises KeyFileError; UsageError where they do not fit."""
    certificates = read_chain(chain)
    return LocalSigner(read_private_key(key, pass_phrase), certificates)


def read_private_key(path: Path, pass_phrase: PassPhrase = no_pass_phrase) -> PrivateKey:
    """The one private key in a file, RSA or elliptic curve: PEM (PKCS #8, encrypted or not, PKCS #1, SEC 1) or JWK.

    Raises KeyFileError, also where others than the owner may read or write the file (POSIX).
    """
    data = read_secret(path)
    if data.lstrip().startswith(b"{"):
        return _load_jwk(path, data)
    blocks = _PRIVATE.findall(data)
    if len(blocks) != 1:
        what = "holds no private key as PEM" if not blocks else f"holds {len(blocks)} private keys, not one"
        raise KeyFileError(f"{safe(path)} {what}", remedy=_ONE_KEY)
    label, body = blocks[0]
    password = None
    if b"ENCRYPTED" in label or b"Proc-Type: 4,ENCRYPTED" in body:
        password = pass_phrase(safe(path))
        if not password:
            raise KeyFileError(
                f"{safe(path)} is encrypted, and there is no pass phrase",
                remedy="Give it with --passphrase-file or AIRGAP_KEY_PASSPHRASE, or run this on a terminal.",
            )
    return _load(path, b"-----BEGIN %b-----%b-----END %b-----\n" % (label, body, label), password)


def _load(path: Path, pem: bytes, password: bytes | None) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the library's words could repeat what is in the file
        problem = (
            "cannot be read: it is damaged or of an unknown kind"
            if password is None
            else "cannot be decrypted: the pass phrase is wrong, or the file is damaged"
        )
        raise KeyFileError(f"the private key in {safe(path)} {problem}") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"the private key in {safe(path)} is neither RSA nor of an elliptic curve (ALG-1)")
    return key


def _load_jwk(path: Path, data: bytes) -> PrivateKey:
    """A key as RFC 7517 writes it: its numbers, and what it says of its use. `alg` and `kid` mean nothing here."""
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK

    try:
        members = json.load_object(data, json.Reading.WHOLE, limit=limits.KEY_FILE_BYTES, what="JWK")
    except FormatError as error:
        raise KeyFileError(f"{safe(path)} is no JWK: {error.problem}", remedy=_ONE_KEY) from None
    if "keys" in members:
        raise KeyFileError(f"{safe(path)} holds a set of keys (JWK Set), not one key", remedy=_ONE_KEY)
    if "d" not in members:
        raise KeyFileError(f"the JWK in {safe(path)} holds no private key", remedy=_ONE_KEY)
    operations = members.get("key_ops", ["sign"])
    if members.get("use", "sig") != "sig" or not isinstance(operations, list) or "sign" not in operations:
        raise KeyFileError(f"the JWK in {safe(path)} says that it is not for signing (use, key_ops; RFC 7517, 4.2)")
    try:
        jwk = JWK(**{name: value for name, value in members.items() if name in _OF_A_KEY})
        pem = jwk.export_to_pem(private_key=True, password=None)
    except (JWException, ValueError, TypeError, UnsupportedAlgorithm):
        # the library's words could repeat what is in the file
        raise KeyFileError(f"the JWK in {safe(path)} cannot be read: it is damaged or of an unknown kind") from None
    return _load(path, pem, None)


def read_chain(path: Path) -> tuple[Certificate, ...]:
    """The certificates of a chain file, in its order: the signing one first, the root last. Raises KeyFileError."""
    data = read_given(path, limits.STORE_FILE_BYTES, safe(path), refusal=KeyFileError)
    try:
        return load_certificates(data)
    except FormatError as error:
        raise KeyFileError(
            f"{safe(path)}: {error}", remedy="Give the chain as PEM, signing certificate first."
        ) from None


def read_secret(path: Path) -> bytes:
    """The content of a file that only its owner may read. Raises KeyFileError.

    For other than regular files (a pipe of the shell) the mode has no meaning.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & _LOOSE:
                raise KeyFileError(
                    f"{safe(path)} may be read or written by others than its owner "
                    f"(mode {stat.S_IMODE(status.st_mode):04o})",
                    remedy=f"chmod 600 {safe(path)}",
                )
            data = file.read(limits.KEY_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{safe(path)} cannot be read: {error.strerror or type(error).__name__}") from None
    if len(data) > limits.KEY_FILE_BYTES:
        raise KeyFileError(f"{safe(path)} has more than {limits.KEY_FILE_BYTES} bytes, too many for a key")
    return data


def read_pass_phrase(path: Path) -> bytes:
    """The first line of a file, as the pass phrase. Raises KeyFileError."""
    line = read_secret(path).split(b"\n", 1)[0].removesuffix(b"\r")
    if not line:
        raise KeyFileError(f"{safe(path)} holds no pass phrase in its first line")
    return line
