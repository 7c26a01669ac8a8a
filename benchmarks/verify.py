"""Verification: start-up, hashing, a thousand signed images, memory, a CRL with a million entries.

Everything is measured beside its reference, in turn, in one run. Start-up, many images and lookups are counted in
processor time, so that a busy machine changes little; hashing on two threads is measured on the wall, too, where a
queue of threads would show: that number needs two idle cores.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import airgap
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.verifier.request import VerifyRequest
from benchmarks.measure import alternate, cost, row
from tests.support.crls import crl, many
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import (
    SIGNING_CRL,
    TSA_CRL,
    Scene,
    Signature,
    Written,
    add_image,
    chain_with_crls,
    good_crls,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1 << 20
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start_up(Path(folder) / "start")
        hashing(Path(folder) / "hash")
        thousand(Path(folder) / "plain", "P-256", signed_images)
        thousand(Path(folder) / "rsa", "RSA, timestamps, CRLs", partial(signed_images, full=True))
        memory(Path(folder) / "memory")
        memory_of_reports(Path(folder) / "reports")
        revocation_list()


def start_up(folder: Path, rounds: int = 25) -> None:
    """The command against a bare import of cryptography.x509, with its bytecode cached, as it is once installed."""
    compileall.compile_dir(Path(airgap.__file__).parent, quiet=1)
    one, full = signed_images(1).write(folder / "one"), signed_images(1, full=True).write(folder / "full")
    costs = alternate(
        {
            "python -c 'import cryptography.x509'": lambda: run("-c", "import cryptography.x509"),
            "airgap --help": lambda: run("-m", "airgap", "--help"),
            "airgap verify, one image": lambda: run(*verify(one)),
            "airgap verify, one image with timestamp and CRLs": lambda: run(*verify(full)),
        },
        rounds,
    )
    reference = next(iter(costs.values())).cpu
    for (name, spent), limit in zip(costs.items(), (None, 1.5, 2.5, None), strict=True):
        row(name, spent.cpu, reference, limit)


def hashing(folder: Path, megabytes: int = 64, layers: int = 8) -> None:
    """Content verification against hashing the same files with hashlib on two threads."""
    scene = big_image(megabytes, layers)
    written = scene.write(folder)
    tar = f"oci-archive:{scene.builder.write_tar(folder / 'layout.tar')}@{written.digest}"
    blobs = sorted((written.layout / "blobs/sha256").iterdir(), key=lambda path: -path.stat().st_size)
    with ThreadPoolExecutor(2) as pool:
        costs = alternate(
            {
                f"hashlib, two threads, {megabytes * layers} MiB": lambda: list(pool.map(digest_of, blobs)),
                "verify, content included, from a directory": lambda: judge(written, pool=pool),
                "verify, content included, from a tar": lambda: judge(written, target=tar, pool=pool),
            },
            rounds=15,
        )
    reference = next(iter(costs.values()))
    for (name, spent), limit in zip(costs.items(), (None, 1.15, 1.15), strict=True):
        row(name, spent.wall, reference.wall, limit)
        row("  the same in processor time", spent.cpu, reference.cpu, limit)


def thousand(folder: Path, kind: str, images: Callable[[int], Scene], count: int = 1000, times: int = 20) -> None:
    """A layout of a thousand signed images in one process, against a thousand times the cost of one."""
    one, all_of_them = images(1).write(folder / "one"), images(count).write(folder / "many")
    costs = alternate(
        {
            "one": lambda: judge(one, target=f"oci:{one.layout}", times=times),
            "many": lambda: judge(all_of_them, target=f"oci:{all_of_them.layout}"),
        },
        rounds=4,
    )
    single, spent = costs["one"].cpu / times, costs["many"].cpu
    row(f"one signed image ({kind}), {count} times", single * count, single * count)
    row(f"{count} signed images ({kind}) in one layout", spent, single * count, 1.0)
    print(f"{'  an artifact of them':<58} {spent / count * 1000:10.3f} ms  (well under 2 ms)")


def memory(folder: Path) -> None:
    """Peak memory of verifying a small and a large blob, each in a process of its own."""
    peaks = {
        megabytes: peak_memory(*verify(big_image(megabytes, 1).write(folder / str(megabytes))))
        for megabytes in (1, 512)
    }
    for megabytes, peak in peaks.items():
        print(f"{f'peak memory with a blob of {megabytes} MiB':<58} {peak:10.1f} MiB {peak / peaks[1]:7.2f}x")


def memory_of_reports(folder: Path, counts: tuple[int, int] = (500, 5000)) -> None:
    """Peak memory for each further image, as text and as JSON with a report: documents are written in pieces."""
    written = {count: signed_images(count).write(folder / str(count)) for count in counts}
    report = ["--format", "json", "--report", str(folder / "report.json")]
    for kind, more, bound in (("text", [], 13.0), ("JSON with a report", report, 17.0)):
        peaks = [
            peak_memory(
                *("-m", "airgap", "verify", f"oci:{made.layout}", "--trust", str(made.trust), "--scope", made.scope),
                *("--at", iso(made.at), *more),
            )
            for made in written.values()
        ]
        each = (peaks[1] - peaks[0]) * 1024 / (counts[1] - counts[0])
        kept = f"(at most {bound:g}: {'ok' if each <= bound else 'MISSED'})"
        print(f"{f'peak memory of one image more, {kind}':<58} {each:10.1f} KiB  {kept}")


def revocation_list(entries: int = 1_000_000) -> None:
    """A large CRL: what it costs once, and what each question costs then; beside hashing its bytes once."""
    issuer = Pki().code_chain().chain[1]
    first = 1 << 126
    data = crl(issuer, entries=many(entries, first=first))
    authority = Certificate.parse(issuer.der)
    reference = min(cost(lambda: hashlib.sha256(data).digest()).cpu for _ in range(5))
    listed = Crl.parse(data)

    def load() -> None:
        fresh = Crl.parse(data)
        fresh.verify_signed_by(authority)
        fresh.entries_for(first - 1, fresh.issuer)

    row(f"SHA-256 of a CRL with {entries} entries, {len(data) >> 20} MiB", reference, reference)
    row("  parsed, signature and form checked, first lookup", min(cost(load).cpu for _ in range(3)), reference)
    for name, serial in (("not listed", first - 1), ("listed last", first + entries - 1)):
        found = listed.entries_for(serial, listed.issuer)
        if bool(found) is not (serial >= first):
            raise SystemExit(f"a benchmark's CRL answers {found} for {serial}")
        row(
            f"  each lookup after it, {name}",
            min(cost(partial(listed.entries_for, serial, listed.issuer)).cpu for _ in range(5)),
            reference,
        )


def big_image(megabytes: int, layers: int) -> Scene:
    builder = LayoutBuilder()
    scene = Scene(builder=builder, at=AT)
    block = os.urandom(CHUNK)
    blobs = [number.to_bytes(8, "big") + block * megabytes for number in range(layers)]
    scene.target = builder.add_image(*blobs)
    return scene


def signed_images(count: int, *, full: bool = False) -> Scene:
    """A layout of `count` images, each with its own signature by one chain; `full` has RSA, timestamps and CRLs."""
    scene = Scene() if full else Scene(at=AT)
    if full:
        scene.sign_with(chain_with_crls(partial(Pki().code_chain, "rsa3072"), "leaf", SIGNING_CRL))
        authority = chain_with_crls(partial(Pki().tsa_chain, "rsa3072"), "tsa", TSA_CRL)
        scene.timestamp(authority)
        scene.put_crls(good_crls(scene.signature.leaf, SIGNING_CRL) | good_crls(authority, TSA_CRL))
    model = scene.signature
    for number in range(1, count):
        image = add_image(scene.builder, f"arch{number}")
        scene.builder.tag(image, f"v{number + 1}")
        Signature("jws", model.leaf, token=model.token).attach(scene.builder, image)
    return scene


def judge(
    written: Written, *, target: str | None = None, pool: ThreadPoolExecutor | None = None, times: int = 1
) -> None:
    request = VerifyRequest(targets=[target or written.target], at=written.at, clock=written.at, scope=written.scope)
    for _ in range(times):
        outcome = airgap.verify(request, written.trust, executor=pool)
        if outcome.exit_code:
            raise SystemExit(f"a benchmark's layout did not verify: {outcome}")


def digest_of(path: Path) -> str:
    digest, buffer = hashlib.sha256(), bytearray(CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def verify(written: Written) -> list[str]:
    """Arguments for Python: the command that verifies it and writes for people."""
    arguments = written.arguments()
    return ["-m", "airgap", *arguments[: arguments.index("--format")]]


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def peak_memory(*arguments: str) -> float:
    """MiB of a command, measured by a small process: a child's peak starts at that of its parent."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, sys.executable, *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    return int(result.stdout) / 1024
