"""`make dist-check`: each form is tried where it will be used: without network, and the executables without Python."""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from airgap import __version__
from distribution.empty_root import HOME, EmptyRoot, system_libraries
from distribution.names import PYTHONS, Names
from distribution.sums import NAME as SUMS
from distribution.sums import check_sums
from distribution.tools import BuildError, environment, run
from distribution.trial import install
from distribution.wheelhouse import FOLDER

_SCOPE: Final = ("--scope", "registry.example/net-monitor")
_EXPECTED: Final = {"good": 0, "tampered": 16, "revoked": 14, "untrusted": 13, "unsigned": 10}
"""The exit code of verify for each shipped layout."""
_TESTS: Final = ("tests/architecture", "tests/unit/distribution", "tests/unit/oci", "tests/e2e/test_shipped_layouts.py")
"""Which tests are run from the sdist."""


def check(root: Path, tell: Callable[[str], None]) -> None:
    """Raises BuildError at the first that is not as it should be. This process has no network but its loopback."""
    names, finished = Names.here(__version__), root / "dist"
    run(["ip", "link", "set", "lo", "up"])
    _check_no_network()
    listed = check_sums(finished)
    if set(listed) != set(names.for_others()):
        raise BuildError(f"{SUMS} lists {sorted(listed)}, expected {sorted(names.for_others())}")
    tell(f"{SUMS}: {len(listed)} files are as listed")
    with tempfile.TemporaryDirectory(prefix="airgap-dist-", dir=root / "build") as scratch:
        work = Path(scratch)
        work.chmod(0o755)
        _check_executables(names, finished, work, tell)
        _check_pythons(names, finished, work, tell)
        _check_sdist(root, finished / names.sdist, work, tell)


def _check_no_network() -> None:
    """Raises BuildError where this process reaches more than its own loopback."""
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    routes = run(["ip", "route"]).strip()
    if routes or any(_is_up(name) for name in others):
        raise BuildError("there is a network here: the deliverables must be tried without one")


def _is_up(name: str) -> bool:
    return " state UP " in run(["ip", "link", "show", name])


def _check_executables(names: Names, finished: Path, work: Path, tell: Callable[[str], None]) -> None:
    with tarfile.open(finished / names.folder) as tar:
        tar.extractall(work, filter="data")
    folder = work / names.unpacked
    programs = [path for path in folder.rglob("*") if path.name == "airgap" or ".so" in path.name]
    if not (folder / "airgap").is_file():
        raise BuildError(f"{names.folder} does not hold {names.unpacked}/airgap: make dist again")
    own = {path.name for path in programs}
    libraries = list(system_libraries([path for path in programs if path.is_file()], own))
    tell(f"the executables need of the system only {', '.join(path.name for path in libraries)}")
    for what, source in (("executable", finished / names.executable), ("folder", folder)):
        root = EmptyRoot.make(work / f"root-{what}", libraries)
        command = root.put(source, "airgap") + ("/airgap" if source.is_dir() else "")
        _check_in(root, command, finished, names)
        tell(f"{what}, in an empty root, without rights: demo, doctor, help, verify, --jobs, blob, import, discover")


def _check_in(root: EmptyRoot, command: str, finished: Path, names: Names) -> None:
    """All that must work without Python and without network."""

    def expect(code: int, *words: str, said: str = "", home: bool = True) -> str:
        done = root.run(command, *words, home=home)
        if done.code != code or said not in done.out or "Traceback" in done.out:
            raise BuildError(f"{command} {' '.join(words)}\nended with {done.code}, expected {code}:\n{done.out}")
        return done.out

    layouts, trust = f"{HOME}/demo/layouts", ("--trust", f"{HOME}/demo/layouts/trust")
    expect(0, "--version", said=names.version, home=False)
    expect(0, "demo", "-q", "--to", f"{HOME}/demo", said="All 7 verdicts are as expected.")
    for name, code in _EXPECTED.items():
        expect(code, "verify", f"{layouts}/{name}", *trust, *_SCOPE)
    expect(0, "verify", f"{layouts}/good", *trust, *_SCOPE, "--jobs", "2", "--format", "json", said='"verdict": "pass"')
    expect(0, "help", "exit-codes", said="130")
    seen = expect(0, "doctor")
    for extra in ("pkcs11 (python-pkcs11", "tuf (tuf"):
        if extra not in seen:
            raise BuildError(f"airgap doctor does not find the extra {extra}:\n{seen}")
    _check_signing(root, expect, finished)
    with _registry(root.path.with_name(f"{root.path.name}-registry")) as host:
        wanted = (f"{layouts}/good:v1", f"{host}/net-monitor", *trust, *_SCOPE, "--plain-http")
        expect(0, "import", *wanted)
        expect(0, "discover", f"{host}/net-monitor:v1", "--plain-http", said="signature")


def _check_signing(root: EmptyRoot, expect: Callable[..., str], finished: Path) -> None:
    """As the how-to says: the root by its fingerprint, a policy, and the list of sums."""
    given, keys = root.put(finished / SUMS, SUMS), ("--key-config", f"{HOME}/keys")
    trust = ("--trust", f"{HOME}/release")
    expect(0, "key", "generate", "release", *keys)
    expect(0, "blob", "sign", given, "--key", "release", *keys)
    expect(0, "trust", "cert", "add", f"{HOME}/keys/localkeys/release.root.crt", "-t", "ca", "-s", "airgap", *trust)
    statement = ("--name", "airgap", "--trust-store", "ca:airgap", "--trusted-identity", "*")
    expect(0, "trust", "policy", "init", "--blob", *statement, *trust)
    expect(0, "blob", "verify", given, "--policy-name", "airgap", *trust, said="PASS")
    with (root.path / given[1:]).open("ab") as file:
        file.write(b"\n")
    expect(12, "blob", "verify", given, "--policy-name", "airgap", *trust)


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[str]:
    """The host of a registry on loopback, where this process and the root share it."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '{host}'}}\n",
        encoding="utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        _wait_for(host, process, folder / "log")
        yield host
    finally:
        process.kill()
        process.wait()


def _wait_for(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    address, _, port = host.partition(":")
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection((address, int(port)), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise BuildError(f"the registry does not answer:\n{log.read_text(errors='replace')}")


def _check_pythons(names: Names, finished: Path, work: Path, tell: Callable[[str], None]) -> None:
    """The wheelhouse and the .pyz with each Python that is installed here; those that are not are named."""
    with tarfile.open(finished / names.wheelhouse) as tar:
        tar.extractall(work, filter="data")
    tried = []
    for python in pythons_here():
        version = run([python, "-c", "import platform; print(platform.python_version())"]).strip()
        command = install(work / f"venv-{version}", work / FOLDER, finished / names.requirements, python=python)
        for words in ([command], [python, finished / names.zipapp]):
            said = run([*words, "demo", "-q"], variables=environment(SHIV_ROOT=str(work / "shiv")), folder=work)
            if said != "All 7 verdicts are as expected.\n":
                raise BuildError(f"{words[0]} demo -q said {said!r}")
        tried.append(version)
    if not tried:
        raise BuildError(f"none of Python {', '.join(PYTHONS)} is here: nothing was tried")
    missing = [minor for minor in PYTHONS if not any(version.startswith(f"{minor}.") for version in tried)]
    tell(f"wheelhouse and .pyz, with Python {', '.join(tried)}: install, demo" + not_tried(missing))


def not_tried(missing: Sequence[str]) -> str:
    """What was not tried, to be said beside what was."""
    return f"; NOT TRIED, because it is not installed here: {', '.join(missing)}" if missing else ""


def pythons_here() -> Iterator[Path]:
    """One of each version that is found in PATH, the running one first."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    for minor in PYTHONS:
        found = sys.executable if minor == running else shutil.which(f"python{minor}")
        if found is not None and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield Path(found)


def _check_sdist(root: Path, sdist: Path, work: Path, tell: Callable[[str], None]) -> None:
    """Some of the tests, from the unpacked sdist, with the environment that has the tools of the tests."""
    with tarfile.open(sdist) as tar:
        tar.extractall(work, filter="data")
    python = root / ".venv" / ("Scripts" if platform.system() == "Windows" else "bin") / "python"
    folder = work / sdist.name.removesuffix(".tar.gz")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *_TESTS]
    last = run([python, *words], folder=folder, variables=environment(PYTHONPATH=str(folder))).splitlines()[-1]
    tell(f"tests from the sdist: {last}")
