"""A token in software, for tests: SoftHSM (Debian: softhsm2) with keys that were imported into it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.support.keyring import PrivateKey
from tests.support.tools import absent

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "4711-17"


def library() -> Path:
    """SoftHSM's library. Skips the test where there is none, fails it in CI."""
    found = next((Path(path) for path in LIBRARIES if Path(path).exists()), None)
    if not found or not shutil.which("softhsm2-util"):
        absent("SoftHSM", "softhsm2")
    return found


@dataclass(frozen=True, slots=True)
class Token:
    """A token with one slot, called "site"."""

    folder: Path
    library: Path

    def add(self, label: str, key: PrivateKey, number: int) -> None:
        """Import a private key."""
        path = self.folder / f"{label}.p8"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._run("--import", str(path), "--token", "site", "--label", label, "--id", f"{number:02x}", "--pin", PIN)
        path.unlink()

    def uri(self, label: str) -> str:
        """What names a key, with its library."""
        return f"pkcs11:token=site;object={label}?module-path={self.library}"

    def _run(self, *arguments: str) -> None:
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


def make_token(folder: Path) -> Token:
    """A new token. SOFTHSM2_CONF has to name `folder / "softhsm2.conf"` before the library is loaded."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    token = Token(folder, library())
    token._run("--init-token", "--free", "--label", "site", "--pin", PIN, "--so-pin", "so-pin-1")
    return token
