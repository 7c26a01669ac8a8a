"""Private keys in files: which forms are read, which files are refused, and that nothing of them is printed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwcrypto.jwk import JWK

from airgap.errors import UsageError
from airgap.signature.key_files import KeyFileError, load_local_signer, read_chain, read_pass_phrase, read_private_key
from airgap.signature.signer import PrivateKey
from tests.support.keyring import key, pem
from tests.support.pki import Pki

KINDS = ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"]
posix = pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
WORD = b"correct horse battery staple"


def secret(tmp_path: Path, data: bytes, mode: int = 0o600, name: str = "key.pem") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def written(kind: str, form: PrivateFormat = PrivateFormat.PKCS8, word: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(word) if word else NoEncryption()
    return key(kind).private_bytes(Encoding.PEM, form, encryption)


def jwk(kind: str, **changes: Any) -> bytes:
    """A key of the key ring as a JWK, with members added, changed or (None) left out."""
    members = json.loads(JWK.from_pem(written(kind)).export_private()) | changes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


class TestJwk:
    """RFC 7517: what key services and libraries hand out."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_is_read(self, tmp_path: Path, kind: str) -> None:
        found = read_private_key(secret(tmp_path, jwk(kind, kid="x", alg="whatever", use="sig", key_ops=["sign"])))
        assert found.private_numbers() == cast("PrivateKey", key(kind)).private_numbers()

    def test_ignores_unknown_members(self, tmp_path: Path) -> None:
        """Some are options of the library that reads it: none makes a key that is not in the file."""
        found = read_private_key(secret(tmp_path, jwk("p256", generate="RSA", size=2048, ext=True, pid=1.5)))
        assert found.private_numbers() == cast("PrivateKey", key("p256")).private_numbers()

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (b'{"kty": "EC", "kty": "RSA"}', "is no JWK"),
            (b"{", "is no JWK"),
            (json.dumps({"keys": []}).encode(), "a set of keys"),
            (jwk("p256", d=None), "holds no private key"),
            (jwk("p256", use="enc"), "not for signing"),
            (jwk("p256", key_ops=["verify"]), "not for signing"),
            (jwk("p256", key_ops="sign"), "not for signing"),
            (jwk("p256", x="AA"), "damaged or of an unknown kind"),
            (jwk("p256", y=1), "damaged or of an unknown kind"),
            (jwk("p256", crv=["P-256"]), "damaged or of an unknown kind"),
            (jwk("p256", crv="P-384"), "damaged or of an unknown kind"),
            (jwk("rsa2048", p=None, q=None), "damaged or of an unknown kind"),
            (jwk("rsa2048", kty="oct"), "damaged or of an unknown kind"),
            (jwk("ed25519"), "neither RSA nor of an elliptic curve"),
        ],
    )
    def test_refuses_what_is_not_a_signing_key(self, tmp_path: Path, data: bytes, problem: str) -> None:
        with pytest.raises(KeyFileError, match=problem) as caught:
            read_private_key(secret(tmp_path, data))
        secrets = [value for value in json.loads(jwk("p256")).values() if len(value) > 20]
        assert not any(value in str(caught.value) for value in secrets)

    @posix
    def test_refuses_a_file_that_others_may_read(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="may be read or written by others"):
            read_private_key(secret(tmp_path, jwk("p256"), 0o644))


class TestForms:
    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "p521"])
    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("word", [None, WORD], ids=["plain", "encrypted"])
    def test_every_kind_is_read(self, tmp_path: Path, kind: str, form: PrivateFormat, word: bytes | None) -> None:
        path = secret(tmp_path, written(kind, form, word))
        found = read_private_key(path, lambda _: word)
        assert found.private_numbers() == cast("PrivateKey", key(kind)).private_numbers()

    def test_ignores_parameters_and_text_around_a_key(self, tmp_path: Path) -> None:
        """OpenSSL writes the curve's name before an elliptic curve key."""
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        path = secret(tmp_path, b"my key\n" + parameters + written("p256", PrivateFormat.TraditionalOpenSSL))
        assert read_private_key(path).key_size

    def test_accepts_windows_line_ends(self, tmp_path: Path) -> None:
        assert read_private_key(secret(tmp_path, written("p256").replace(b"\n", b"\r\n"))).key_size

    @pytest.mark.parametrize("kind", ["ed25519", "dsa2048"])
    def test_a_kind_that_may_not_sign_is_refused(self, tmp_path: Path, kind: str) -> None:
        """ALG-1."""
        with pytest.raises(KeyFileError, match="neither RSA nor of an elliptic curve"):
            read_private_key(secret(tmp_path, pem(key(kind))))

    def test_a_file_that_is_too_large_for_a_key_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="more than 65536 bytes"):
            read_private_key(secret(tmp_path, written("p256") + bytes(65536)))

    @pytest.mark.parametrize("count", [0, 2])
    def test_refuses_several_keys_in_a_file(self, tmp_path: Path, count: int) -> None:
        with pytest.raises(KeyFileError):
            read_private_key(secret(tmp_path, Pki().code_chain().pem + written("p256") * count))


class TestPassPhrase:
    def test_is_asked_for_only_where_it_is_needed(self, tmp_path: Path) -> None:
        asked: list[str] = []

        def ask(name: str) -> bytes:
            asked.append(name)
            return WORD

        read_private_key(secret(tmp_path, written("p256")), ask)
        assert asked == []
        path = secret(tmp_path, written("p256", word=WORD))
        read_private_key(path, ask)
        assert asked == [str(path)]

    def test_a_missing_one_is_reported_with_the_ways_to_give_it(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="is encrypted") as caught:
            read_private_key(secret(tmp_path, written("p256", word=WORD)))
        assert "AIRGAP_KEY_PASSPHRASE" in caught.value.remedy

    def test_a_wrong_one_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="pass phrase is wrong"):
            read_private_key(secret(tmp_path, written("p256", word=WORD)), lambda _: b"wrong")

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nmore\n"])
    def test_is_the_first_line_of_its_file(self, tmp_path: Path, end: bytes) -> None:
        assert read_pass_phrase(secret(tmp_path, WORD + end)) == WORD

    def test_an_empty_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError):
            read_pass_phrase(secret(tmp_path, b"\n"))

    @posix
    def test_its_file_must_not_be_readable_by_others(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="0644"):
            read_pass_phrase(secret(tmp_path, WORD, 0o644))

    @posix
    def test_may_come_from_a_pipe(self, tmp_path: Path) -> None:
        """Process substitution of the shell, and systemd's credentials."""
        reader, writer = os.pipe()
        try:
            os.write(writer, WORD + b"\n")
            os.close(writer)
            assert read_pass_phrase(Path(f"/dev/fd/{reader}")) == WORD
        finally:
            os.close(reader)


class TestModes:
    @posix
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o660, 0o610])
    def test_refuses_files_that_others_may_read_or_write(self, tmp_path: Path, mode: int) -> None:
        with pytest.raises(KeyFileError, match=f"mode {mode:04o}") as caught:
            read_private_key(secret(tmp_path, written("p256"), mode))
        assert caught.value.remedy.startswith("chmod 600")

    @posix
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
    def test_reads_files_of_the_owner_alone(self, tmp_path: Path, mode: int) -> None:
        assert read_private_key(secret(tmp_path, written("p256"), mode)).key_size

    @posix
    def test_the_mode_is_that_of_the_file_behind_a_link(self, tmp_path: Path) -> None:
        """Orchestrators hand out secrets through links."""
        link = tmp_path / "link.pem"
        link.symlink_to(secret(tmp_path, written("p256")))
        assert read_private_key(link).key_size
        (tmp_path / "key.pem").chmod(0o644)
        with pytest.raises(KeyFileError):
            read_private_key(link)


class TestSilence:
    @pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
    @pytest.mark.parametrize("word", [None, WORD], ids=["plain", "encrypted"])
    def test_prints_nothing_of_a_damaged_key(self, tmp_path: Path, cut: float, word: bytes | None) -> None:
        whole = written("rsa2048", word=word)
        at = int(len(whole) * cut)
        path = secret(tmp_path, whole[:at] + (b"A" if whole[at : at + 1] != b"A" else b"B") * 3 + whole[at + 3 :])
        with pytest.raises(KeyFileError) as caught:
            read_private_key(path, lambda _: word)
        self.check(caught.value, whole)

    def test_prints_nothing_of_a_wrong_pass_phrase(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError) as caught:
            read_private_key(secret(tmp_path, written("p256", word=WORD)), lambda _: b"hunter2-hunter2")
        assert "hunter2" not in str(caught.value) + caught.value.remedy
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_a_signer_does_not_show_its_key(self, tmp_path: Path) -> None:
        leaf = Pki().code_chain("p256")
        chain = tmp_path / "chain.pem"
        chain.write_bytes(b"".join(item.pem for item in leaf.chain))
        signer = load_local_signer(secret(tmp_path, pem(leaf.key)), chain)
        assert "PrivateKey" not in repr(signer)
        assert "private" not in repr(signer)

    @staticmethod
    def check(error: KeyFileError, whole: bytes) -> None:
        said = str(error) + error.remedy + str(dict(error.facts))
        for line in whole.splitlines()[1:-1]:
            for piece in re.findall(rb".{12}", line):
                assert piece.decode() not in said


class TestChain:
    def test_is_read_in_its_order(self, tmp_path: Path) -> None:
        leaf = Pki().code_chain()
        path = tmp_path / "chain.pem"
        path.write_bytes(b"".join(item.pem for item in leaf.chain))
        assert [item.fingerprint for item in read_chain(path)] == [item.fingerprint for item in leaf.chain]

    def test_a_key_of_another_certificate_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "chain.pem"
        path.write_bytes(b"".join(item.pem for item in Pki().code_chain("p384").chain))
        with pytest.raises(UsageError, match="not the one of the first certificate"):
            load_local_signer(secret(tmp_path, written("p256")), path)

    @pytest.mark.parametrize(
        "data", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
    )
    def test_refuses_what_is_not_a_chain(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "chain.pem"
        path.write_bytes(data)
        with pytest.raises(KeyFileError, match=r"chain\.pem"):
            read_chain(path)

    def test_reports_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(KeyFileError, match="No such file"):
            read_chain(tmp_path / "none")
        with pytest.raises(KeyFileError, match="No such file"):
            read_private_key(tmp_path / "none")
