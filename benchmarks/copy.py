"""Copying: one large image and many small signed ones, beside skopeo, cp and a bare pass of read, hash and write.

Ratios within one run; the reference is what the bytes cost by themselves. Sizes: BENCH_MIB (default 1024, in 8 layers)
and BENCH_IMAGES (default 500) in the environment. Registries are Debian's docker-registry where it is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import best, row
from tests.support.layouts import LayoutBuilder
from tests.support.registry import free_port, wait_for_port

MIB = int(os.environ.get("BENCH_MIB", "1024"))
IMAGES = int(os.environ.get("BENCH_IMAGES", "500"))
ROUNDS = 3
CHUNK = 1 << 20
ROOT = Path(__file__).parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name, registry(Path(name)) as host:
        folder = Path(name)
        measure(f"one image of {MIB} MiB in 8 layers", folder, large(folder / "large"), host)
        measure(f"{IMAGES} small images with signatures", folder, small(folder / "small"), host)


def measure(title: str, folder: Path, source: Path, host: str | None) -> None:
    print(f"-- {title}")
    files = [path for path in source.rglob("*") if path.is_file()]
    warm(files)
    there, tar = folder / "to", folder / "to.tar"
    reference = best(fresh(there, lambda: bare(files, there)), ROUNDS)
    durable = best(fresh(there, lambda: bare(files, there, sync=True)), ROUNDS)
    row("read, hash and write every byte", reference, reference)
    row("  ... and flush to the medium", durable, reference)
    row("cp -r", best(fresh(there, lambda: run("cp", "-r", source, there)), ROUNDS), reference)
    row("airgap: layout to layout", best(fresh(there, lambda: airgap(source, there)), ROUNDS), reference)
    row("airgap: layout to layout, nothing new", best(lambda: airgap(source, there), ROUNDS), reference)
    row(
        "airgap: layout to layout, --link",
        best(fresh(there, lambda: airgap("--link", source, there)), ROUNDS),
        reference,
    )
    row("airgap: layout to tar", best(fresh(tar, lambda: airgap(source, tar)), ROUNDS), reference)
    with_skopeo(source, there, tar, reference)
    if host is not None:
        with_registry(source, there, tar, host, reference)
    if Path("/proc/self/status").exists():
        print(f"peak memory of airgap, layout to tar: {peak(folder, source)} MiB")
    for path in (there, tar):
        remove(path)


def with_skopeo(source: Path, there: Path, tar: Path, reference: float) -> None:
    if shutil.which("skopeo") is None:
        print("skopeo is not installed")
        return
    tags = tags_of(source)

    def copy(form: str, place: Path) -> None:
        # skopeo copies one image a call, and no signatures; into a tar only one
        for tag in tags if form == "oci" else tags[:1]:
            run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{source}:{tag}", f"{form}:{place}:{tag}")

    rounds = 1 if len(tags) > 1 else ROUNDS
    row("skopeo: layout to layout", best(fresh(there, lambda: copy("oci", there)), rounds), reference)
    if len(tags) == 1:
        row("skopeo: layout to tar", best(fresh(tar, lambda: copy("oci-archive", tar)), rounds), reference)


def with_registry(source: Path, there: Path, tar: Path, host: str, reference: float) -> None:
    number = iter(range(100))
    remove(tar)
    airgap(source, tar)
    name = source.name
    row("airgap: tar to registry", best(lambda: airgap(tar, f"{host}/{name}{next(number)}"), 1), reference)
    row("airgap: tar to registry, nothing new", best(lambda: airgap(tar, f"{host}/{name}0"), ROUNDS), reference)
    blobs = [path.name for path in (source / "blobs" / "sha256").iterdir()]
    row("bare download of every blob", best(lambda: download(host, f"{name}0", blobs), ROUNDS), reference)
    everything = ("--all-tags", f"{host}/{name}0")
    row("airgap: registry to layout", best(fresh(there, lambda: airgap(*everything, there)), ROUNDS), reference)
    row("airgap: registry to layout, nothing new", best(lambda: airgap(*everything, there), ROUNDS), reference)
    tags = tags_of(source)
    if shutil.which("skopeo") and len(tags) == 1:
        again = f"docker://{host}/{name}0:{tags[0]}"
        options = ("--insecure-policy", "copy", "-q", "--src-tls-verify=false")
        done = best(fresh(there, lambda: run("skopeo", *options, again, f"oci:{there}:v1")), ROUNDS)
        row("skopeo: registry to layout", done, reference)


def large(path: Path) -> Path:
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(*(os.urandom(MIB * CHUNK // 8) for _ in range(8))), "v1")
    builder.add_referrer(image, b"signature")
    return builder.write_directory(path)


def small(path: Path) -> Path:
    builder = LayoutBuilder()
    base = os.urandom(100_000)
    for number in range(IMAGES):
        image = builder.tag(
            builder.add_image(base, os.urandom(20_000), config=json.dumps({"n": number}).encode()), f"v{number}"
        )
        builder.add_referrer(image, f"signature {number}".encode() * 100)
    return builder.write_directory(path)


def bare(files: list[Path], there: Path, *, sync: bool = False) -> None:
    """What no copy can do without."""
    there.mkdir()
    view = memoryview(bytearray(CHUNK))
    for path in files:
        hasher = hashlib.sha256()
        with path.open("rb", buffering=0) as source, (there / path.name).open("wb", buffering=0) as target:
            while count := source.readinto(view):
                hasher.update(view[:count])
                target.write(view[:count])
            if sync:
                os.fsync(target.fileno())


def download(host: str, repository: str, blobs: list[str]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for blob in blobs:
        try:
            with opener.open(f"http://{host}/v2/{repository}/blobs/sha256:{blob}") as answer:
                while answer.read(CHUNK):
                    pass
        except OSError:
            continue  # manifests are no blobs


def warm(files: list[Path]) -> None:
    for path in files:
        path.read_bytes()


def tags_of(source: Path) -> list[str]:
    entries = json.loads((source / "index.json").read_bytes())["manifests"]
    return [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries if "annotations" in entry]


def fresh(path: Path, work: Callable[[], object]) -> Callable[[], object]:
    """The work with nothing at `path`; what was there is removed outside of what is measured as far as it can be."""

    def again() -> None:
        remove(path)
        work()

    return again


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def airgap(*arguments: object) -> None:
    run(sys.executable, "-m", "airgap", "copy", "-q", *arguments)


def run(*command: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, env=environment)


def peak(folder: Path, source: Path) -> int:
    script = (
        "import sys; from airgap.cli.app import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) // 1024)"
    )
    command = [sys.executable, "-c", script, "copy", "-q", "--overwrite", str(source), str(folder / "to.tar")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return int(done.stdout.splitlines()[-1])


@contextmanager
def registry(folder: Path) -> Iterator[str | None]:
    if shutil.which("docker-registry") is None:
        yield None
        return
    port = free_port()
    (folder / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, seconds=20)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
