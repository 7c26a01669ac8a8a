"""notation's signingkeys.json, read, changed and written (CLI-9, CLI-10, D43)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import AirgapError, NotFoundError, UsageError
from airgap.signature.key_config import (
    LocalKey,
    RemoteKey,
    SigningKeys,
    UnknownKey,
    load_signing_keys,
    parse_signing_keys,
    save_signing_keys,
)
from airgap.signature.key_location import KeyFolders, find_key, list_keys, locate_keys

LOCAL = {"name": "files", "keyPath": "/k/a.key", "certPath": "/k/a.crt"}
REMOTE = {"name": "vault", "id": "https://vault/keys/1", "pluginName": "azure-kv", "pluginConfig": {"a": "b"}}
BOTH = {"default": "files", "keys": [LOCAL, REMOTE]}


def parsed(document: Any) -> SigningKeys:
    return parse_signing_keys(json.dumps(document).encode(), source="signingkeys.json")


def write(folder: Path, document: Any, name: str = "signingkeys.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document))
    return folder


class TestReading:
    def test_reads_both_kinds_of_keys(self) -> None:
        keys = parsed(BOTH)
        assert keys.default == "files"
        assert keys.keys == (
            LocalKey(name="files", key_path="/k/a.key", certificate_path="/k/a.crt"),
            RemoteKey(name="vault", id="https://vault/keys/1", plugin="azure-kv", plugin_config={"a": "b"}),
        )

    def test_plugin_is_named_in_two_ways(self) -> None:
        """D43: `plugin` in the specification, `pluginName` in the reference."""
        assert parsed({"keys": [{"name": "v", "id": "1", "plugin": "p"}]}).keys[0] == RemoteKey(
            name="v", id="1", plugin="p"
        )

    def test_reads_the_older_form_in_config_json(self, tmp_path: Path) -> None:
        """D43."""
        write(tmp_path, {"insecureRegistries": [], "signingKeys": BOTH}, "config.json")
        assert load_signing_keys(tmp_path) == parsed(BOTH)

    def test_the_newer_file_counts(self, tmp_path: Path) -> None:
        write(tmp_path, {"signingKeys": BOTH}, "config.json")
        write(tmp_path, {"keys": []})
        assert load_signing_keys(tmp_path) == SigningKeys()

    @pytest.mark.parametrize("name", [None, "config.json"])
    def test_an_absent_file_is_an_empty_configuration(self, tmp_path: Path, name: str | None) -> None:
        if name:
            write(tmp_path, {"credsStore": "pass"}, name)
        assert load_signing_keys(tmp_path) is None

    def test_a_kind_that_is_not_known_is_kept(self) -> None:
        entry = {"name": "new", "tpm": {"handle": 1}}
        assert parsed({"keys": [entry]}).keys == (UnknownKey(name="new", members=entry),)

    @pytest.mark.parametrize(
        "document",
        [
            [],
            {"keys": [{"keyPath": "a", "certPath": "b"}]},
            {"keys": [{"name": "", "keyPath": "a", "certPath": "b"}]},
            {"keys": [{"name": "a", "keyPath": "a"}]},
            {"keys": [{"name": "a", "plugin": "p"}]},
            {"keys": [{"name": "a", "plugin": "p", "id": "1", "pluginConfig": {"x": 1}}]},
            {"keys": [LOCAL, LOCAL]},
            {"default": "gone", "keys": [LOCAL]},
            {"default": 1, "keys": []},
            {"keys": ["a"]},
        ],
    )
    def test_names_the_malformed_file(self, document: Any) -> None:
        """CLI-10: names unique and not empty, the default is one of them."""
        with pytest.raises(AirgapError, match=r"signingkeys\.json cannot be used"):
            parsed(document)

    @pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
    @pytest.mark.parametrize("name", ["signingkeys.json", "config.json"])
    def test_a_symbolic_link_is_refused(self, tmp_path: Path, name: str) -> None:
        """CLI-10."""
        real = write(tmp_path / "real", {"signingKeys": BOTH, **BOTH}) / "signingkeys.json"
        (tmp_path / name).symlink_to(real)
        with pytest.raises(AirgapError, match="symbolic link"):
            load_signing_keys(tmp_path)


class TestChanging:
    def test_the_first_key_is_the_default_one(self) -> None:
        keys = SigningKeys().adding(LocalKey(name="a", key_path="k", certificate_path="c"))
        assert keys.default == "a"
        assert keys.adding(LocalKey(name="b", key_path="k", certificate_path="c")).default == "a"
        assert keys.adding(LocalKey(name="b", key_path="k", certificate_path="c"), default=True).default == "b"

    @pytest.mark.parametrize("name", ["", " a", "a\n", "a\x1b[31m", "a" * 256, "files"])
    def test_a_malformed_or_existing_name_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError):
            parsed(BOTH).adding(LocalKey(name=name, key_path="k", certificate_path="c"))

    def test_deleting_the_default_key_removes_the_default(self) -> None:
        assert parsed(BOTH).without("files") == parsed({"keys": [REMOTE]})
        assert parsed(BOTH).without("vault").default == "files"

    def test_a_missing_key_is_reported_with_the_existing_ones(self) -> None:
        for change in (parsed(BOTH).without, parsed(BOTH).choosing):
            with pytest.raises(NotFoundError, match="files, vault"):
                change("other")


class TestWriting:
    def test_keeps_unknown_members_on_writing(self, tmp_path: Path) -> None:
        strange = {**LOCAL, "name": "more", "comment": {"of": ["another"]}}
        document = {"default": "files", "keys": [LOCAL, REMOTE, strange, {"name": "new", "tpm": 1}]}
        path = save_signing_keys(tmp_path / "new" / "folder", parsed(document))
        assert json.loads(path.read_text()) == document
        assert load_signing_keys(path.parent) == parsed(document)

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_writes_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        assert save_signing_keys(tmp_path, parsed(BOTH)).stat().st_mode & 0o777 == 0o600

    @pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
    def test_a_symbolic_link_is_not_written_through(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("{}")
        (tmp_path / "signingkeys.json").symlink_to(other)
        with pytest.raises(AirgapError, match="symbolic link"):
            save_signing_keys(tmp_path, parsed(BOTH))
        assert other.read_text() == "{}"


class TestLocation:
    HOME = Path("/home/ana")

    def test_searches_folders_in_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")

        def locate(env: dict[str, str], explicit: Path | None = None) -> KeyFolders:
            return locate_keys(explicit, env, self.HOME)

        assert locate({"AIRGAP_KEYS": "/k"}, Path("/x")) == KeyFolders(own=Path("/x"))
        assert locate({"AIRGAP_KEYS": "/k"}) == KeyFolders(own=Path("/k"))
        assert locate({"NOTATION_CONFIG": "/n", "XDG_CONFIG_HOME": "/c"}) == KeyFolders(
            own=Path("/c/airgap"), borrowed=Path("/n")
        )
        assert locate({"XDG_CONFIG_HOME": "relative"}) == KeyFolders(
            own=self.HOME / ".config/airgap", borrowed=self.HOME / ".config/notation"
        )

    def test_notations_folder_on_other_systems(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """CLI-8."""
        monkeypatch.setattr(sys, "platform", "win32")
        windows = locate_keys(None, {"APPDATA": "/app"}, self.HOME)
        assert windows.borrowed == Path("/app/notation")
        monkeypatch.setattr(sys, "platform", "darwin")
        mac = locate_keys(None, {}, self.HOME)
        assert mac.borrowed == self.HOME / "Library/Application Support/notation"

    def test_without_a_home_it_has_to_be_named(self) -> None:
        with pytest.raises(UsageError) as caught:
            locate_keys(None, {}, None)
        assert "AIRGAP_KEYS" in caught.value.remedy

    def test_our_key_hides_notations_of_the_same_name(self, tmp_path: Path) -> None:
        ours = write(tmp_path / "ours", {"keys": [LOCAL]})
        theirs = write(tmp_path / "theirs", {"default": "vault", "keys": [{**LOCAL, "keyPath": "/other"}, REMOTE]})
        folders = KeyFolders(own=ours, borrowed=theirs)
        assert [(key.entry.name, key.folder, key.borrowed) for key in list_keys(folders)] == [
            ("files", ours, False),
            ("vault", theirs, True),
        ]
        assert find_key(folders, None).entry.name == "vault"
        assert find_key(folders, "files").folder == ours

    def test_our_file_decides_about_the_default(self, tmp_path: Path) -> None:
        ours = write(tmp_path / "ours", {"default": "files", "keys": [LOCAL]})
        theirs = write(tmp_path / "theirs", {"default": "vault", "keys": [REMOTE]})
        assert find_key(KeyFolders(own=ours, borrowed=theirs), None).entry.name == "files"

    @pytest.mark.parametrize(("name", "words"), [(None, "no default signing key"), ("x", "no signing key 'x'")])
    def test_a_missing_name_is_reported_with_the_existing_ones(
        self, tmp_path: Path, name: str | None, words: str
    ) -> None:
        ours = write(tmp_path / "ours", {"keys": [LOCAL]})
        with pytest.raises(NotFoundError, match=f"{words}; there are files"):
            find_key(KeyFolders(own=ours), name)
