"""Signs with keys in PKCS #11 tokens: smart cards, security modules, SoftHSM. The keys never leave the token.

python-pkcs11 (the extra `airgap-oci[pkcs11]`) is loaded only when a token is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from airgap.errors import Rejected, UsageError
from airgap.hashing import digest, new_hash
from airgap.pki import algorithms
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Certificate
from airgap.signature.key_files import PassPhrase, read_chain, read_pass_phrase
from airgap.signature.signer import SigningError, demanded_algorithm
from airgap.signature.token_uri import TokenUri
from airgap.text import safe

_INSTALL: Final = "Install it with: pip install 'airgap-oci[pkcs11]'"
_PROBLEMS: Final = {
    "PinIncorrect": "the PIN is wrong; each further try may lock the token",
    "PinLocked": "the PIN is locked; the token's administrator can set a new one",
    "PinLenRange": "the PIN is too short or too long",
    "PinInvalid": "the PIN has characters that the token does not take",
    "PinExpired": "the PIN has expired",
    "NoSuchToken": "there is no such token; is it inserted, and is this its library?",
    "MultipleTokensReturned": "there are several such tokens; name one with serial=...",
    "NoSuchKey": "there is no such private key in the token",
    "MultipleObjectsReturned": "there are several such keys; name one with id=...",
    "MechanismInvalid": "the token cannot sign as the key demands",
    "MechanismParamInvalid": "the token cannot sign as the key demands",
    "KeyTypeInconsistent": "the key is of another kind than its certificate says",
    "KeyFunctionNotPermitted": "the key may not sign",
    "TokenNotPresent": "the token was removed",
    "DeviceRemoved": "the token was removed",
}


def open_token_signer(uri: str, chain: Path, pin: PassPhrase, *, module: Path | None = None) -> TokenSigner:
    """The signer of a `pkcs11:` URI with the chain in a file.

    The PIN comes from the URI's pin-source, else from `pin`; `module` is the token's library where the URI names none.
    Raises UsageError, KeyFileError, SigningError.
    """
    key = TokenUri.parse(uri)
    library = key.module or module
    if library is None:
        raise UsageError(
            f"it is not known which library {key} is reached through",
            remedy="Name it in the URI with ?module-path=... or with AIRGAP_PKCS11_MODULE.",
        )
    certificates = read_chain(chain)
    if not certificates:
        raise UsageError("a signing key needs its certificate chain")
    word = read_pass_phrase(key.pin_file) if key.pin_file else pin(f"token {safe(key.token or key.serial)}")
    if word is None:
        raise UsageError(
            f"there is no PIN for {key}",
            remedy="Name a file with it (pin-source in the URI, or --passphrase-file), or set AIRGAP_KEY_PASSPHRASE.",
        )
    return TokenSigner(key, certificates, word, library)


class TokenSigner:
    """A `Signer` whose private key stays in a token. Logs in for each signature, and out after it."""

    def __init__(self, key: TokenUri, chain: tuple[Certificate, ...], pin: bytes, library: Path) -> None:
        """Nothing of the token is touched yet. Raises UsageError where the certificate's key may not sign."""
        self._key = key
        self._pin = pin
        self._library = library
        self.chain: Final = chain
        """Leaf first, root last."""
        self.algorithm: Final = demanded_algorithm(chain[0])
        """What the key demands, by the signing certificate."""

    def sign(self, message: bytes) -> bytes:
        """The signature value over `message`, which is hashed here. Raises SigningError, UsageError."""
        # A token's library uses OpenSSL, too, and leaves errors in the queue of the thread that calls it, where TLS
        # would take them for its own. So it gets a thread that does nothing else.
        with ThreadPoolExecutor(1) as thread:
            value = thread.submit(self._sign, digest(self.algorithm.hash_name, message)).result()
        try:
            algorithms.verify(self.algorithm, self.chain[0].public_key, value, message)
        except Rejected:
            subject = safe(self.chain[0].subject_text)
            raise SigningError(f"{self._key} is not the key of the first certificate ({subject})") from None
        return value

    def _sign(self, hashed: bytes) -> bytes:
        with self._private_key() as key:
            # first: some libraries crash if a key is used as another kind of key
            if key.key_type.name != self.algorithm.family:
                kind = key.key_type.name
                raise SigningError(f"{self._key} is of the kind {kind}, its certificate is for {self.algorithm.family}")
            return bytes(key.sign(hashed, **_mechanism(self.algorithm)))

    @contextmanager
    def _private_key(self) -> Iterator[Any]:
        library = _load()
        try:
            token = library.lib(str(self._library)).get_token(**self._token_filter())
            with token.open(user_pin=self._pin.decode(errors="surrogateescape")) as session:
                filters = {"label": self._key.label, "id": self._key.id}
                yield session.get_key(
                    object_class=library.ObjectClass.PRIVATE_KEY,
                    **{name: value for name, value in filters.items() if value is not None},
                )
        except library.PKCS11Error as error:
            kind = type(error).__name__
            problem = _PROBLEMS.get(kind) or f"{kind} {safe(error)}".strip()
            raise SigningError(f"{self._key} cannot be used: {problem}", pkcs11=kind) from None
        except (RuntimeError, OSError, UnicodeError) as error:
            raise SigningError(
                f"the library {safe(self._library)} of {self._key} cannot be used: {safe(error)}"
            ) from None

    def _token_filter(self) -> dict[str, Any]:
        filters: dict[str, Any] = {}
        if self._key.token is not None:
            filters["token_label"] = self._key.token
        if self._key.serial is not None:
            filters["token_serial"] = self._key.serial.encode()
        return filters


def _mechanism(algorithm: Algorithm) -> dict[str, Any]:
    # the token gets the digest: every token can do that, and no message is too long for it
    library = _load()
    if algorithm.family == "EC":
        return {"mechanism": library.Mechanism.ECDSA}  # r and s side by side, each as wide as the field (JWS-41)
    name, size = algorithm.hash_name.upper(), new_hash(algorithm.hash_name).digest_size
    parameters = (getattr(library.Mechanism, name), getattr(library.MGF, name), size)
    # JWS-42: salt as long as the hash
    return {"mechanism": library.Mechanism.RSA_PKCS_PSS, "mechanism_param": parameters}


def _load() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise UsageError("keys in tokens need python-pkcs11, which is not installed", remedy=_INSTALL) from None
    return pkcs11
