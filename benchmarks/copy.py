"""Copying beside oras, regctl, skopeo and the floor (cp, tar, curl): large and small images, near and far.

Every row is measured in one run, all tools in turn. The figures are medians, of real time and of processor time without
that of registries; the ratio is that to the best peer. Sizes are in the environment: BENCH_MIB (default 1024, in 8
layers), BENCH_IMAGES (500), BENCH_ROUNDS (5). Tools that are not on PATH are left out: oras, regctl, skopeo,
docker-registry, olareg. airgap flushes what it writes and the others do not; `+ sync` is a peer with a `sync -f` of
what it has written.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.measure import medians
from tests.support.layouts import LayoutBuilder
from tests.support.registry import free_port, wait_for_port

MIB = int(os.environ.get("BENCH_MIB", "1024"))
IMAGES = int(os.environ.get("BENCH_IMAGES", "500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
LATENCY = 0.040
ROOT = Path(__file__).parent.parent
NUMBERS = count()
Works = dict[str, tuple[Callable[[], object], Callable[[], object]]]


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name, ExitStack() as stack:
        folder = Path(name)
        hosts = {kind: stack.enter_context(start(folder)) for kind, start in REGISTRIES.items() if shutil.which(kind)}
        one(f"one image of {MIB} MiB in 8 layers", folder, large(folder / "large"), hosts)
        many(f"{IMAGES} small images with signatures", folder, small(folder / "small", IMAGES), hosts)
        if hosts:
            distant(folder, small(folder / "single", 1), stack.enter_context(delayed(next(iter(hosts.values())))))
        print(f"peak memory of airgap, layout to tar: {peak(folder, folder / 'large')} MiB")


def one(title: str, folder: Path, source: Path, hosts: Mapping[str, str]) -> None:
    print(f"-- {title}")
    to = folder / "to"
    tar = folder / "to.tar"
    works: Works = {
        "airgap": into(to, lambda: airgap(f"{source}:v1", to)),
        "airgap --link": into(to, lambda: airgap("--link", f"{source}:v1", to)),
        "cp": into(to, lambda: run("cp", "-r", source, to)),
        "cp + sync": into(to, lambda: (run("cp", "-r", source, to), flush(to))),
        "oras": into(to, lambda: oras_layouts(source, to)),
        "oras + sync": into(to, lambda: (oras_layouts(source, to), flush(to))),
        "regctl": into(to, lambda: regctl_copy(f"ocidir://{source}:v1", f"ocidir://{to}:v1")),
        "skopeo": into(to, lambda: skopeo(f"oci:{source}:v1", f"oci:{to}:v1")),
    }
    table("layout to layout", works)
    airgap(f"{source}:v1", to)
    table(
        "layout to layout, again",
        {
            "airgap": plain(lambda: airgap(f"{source}:v1", to)),
            "oras": plain(lambda: oras_layouts(source, to)),
            "regctl": plain(lambda: regctl_copy(f"ocidir://{source}:v1", f"ocidir://{to}:v1")),
        },
    )
    works = {
        "airgap": into(tar, lambda: airgap(f"{source}:v1", tar)),
        "tar": into(tar, lambda: run("tar", "-C", source, "-cf", tar, ".")),
        "tar + sync": into(tar, lambda: (run("tar", "-C", source, "-cf", tar, "."), flush(tar))),
        "regctl": into(tar, lambda: run("regctl", "image", "export", f"ocidir://{source}:v1", tar)),
        "skopeo": into(tar, lambda: skopeo(f"oci:{source}:v1", f"oci-archive:{tar}:v1")),
    }
    table("layout to tar", works)
    remove(tar)
    for kind, host in hosts.items():
        works = {
            "airgap": plain(lambda host=host: airgap(f"{source}:v1", f"{host}/{fresh_name()}:v1")),
            "oras": plain(lambda host=host: oras_up(source, f"{host}/{fresh_name()}:v1")),
            "regctl": plain(lambda host=host: regctl_copy(f"ocidir://{source}:v1", f"{host}/{fresh_name()}:v1")),
            "skopeo": plain(lambda host=host: skopeo(f"oci:{source}:v1", f"docker://{host}/{fresh_name()}:v1")),
        }
        table(f"layout to {kind}", works)
        there = f"{host}/there:v1"
        airgap(f"{source}:v1", there)
        works = {
            "airgap": plain(lambda there=there: airgap(f"{source}:v1", there)),
            "oras": plain(lambda there=there: oras_up(source, there)),
            "regctl": plain(lambda there=there: regctl_copy(f"ocidir://{source}:v1", there)),
            "skopeo": plain(lambda there=there: skopeo(f"oci:{source}:v1", f"docker://{there}")),
        }
        table(f"layout to {kind}, again", works)
        works = {
            "airgap": into(to, lambda there=there: airgap(there, to)),
            "curl": into(to, lambda there=there: download(there, source, to)),
            "curl + sync": into(to, lambda there=there: (download(there, source, to), flush(to))),
            "oras": into(to, lambda there=there: oras_down(there, f"{to}:v1")),
            "oras + sync": into(to, lambda there=there: (oras_down(there, f"{to}:v1"), flush(to))),
            "regctl": into(to, lambda there=there: regctl_copy(there, f"ocidir://{to}:v1")),
            "skopeo": into(to, lambda there=there: skopeo(f"docker://{there}", f"oci:{to}:v1")),
        }
        table(f"{kind} to layout", works)
        airgap(there, to)
        works = {
            "airgap": plain(lambda there=there: airgap(there, to)),
            "oras": plain(lambda there=there: oras_down(there, f"{to}:v1")),
            "regctl": plain(lambda there=there: regctl_copy(there, f"ocidir://{to}:v1")),
        }
        table(f"{kind} to layout, again", works)
    remove(to)


def many(title: str, folder: Path, source: Path, hosts: Mapping[str, str]) -> None:
    print(f"-- {title}")
    to = folder / "to"
    works: Works = {
        "airgap": into(to, lambda: airgap(source, to)),
        "cp": into(to, lambda: run("cp", "-r", source, to)),
        "cp + sync": into(to, lambda: (run("cp", "-r", source, to), flush(to))),
    }
    table("layout to layout", works)
    airgap(source, to)
    table("layout to layout, again", {"airgap": plain(lambda: airgap(source, to))})
    for kind, host in hosts.items():
        works = {
            "airgap": plain(lambda host=host: airgap(source, f"{host}/{fresh_name()}")),
            "oras": plain(lambda host=host: oras_restore(source, f"{host}/{fresh_name()}")),
        }
        table(f"layout to {kind}", works)
        there = f"{host}/all"
        airgap(source, there)
        works = {
            "airgap": plain(lambda there=there: airgap(source, there)),
            "oras": plain(lambda there=there: oras_restore(source, there)),
        }
        table(f"layout to {kind}, again", works)
        works = {
            "airgap": into(to, lambda there=there: airgap("--all-tags", there, to)),
            "oras": into(to, lambda there=there: oras_backup(there, to)),
            "oras + sync": into(to, lambda there=there: (oras_backup(there, to), flush(to))),
        }
        table(f"{kind} to layout", works)
        works = {
            "airgap": plain(lambda there=there: airgap("--all-tags", there, to)),
            "oras": plain(lambda there=there: oras_backup(there, to)),
        }
        airgap("--all-tags", there, to)
        table(f"{kind} to layout, again", works)
    remove(to)


def distant(folder: Path, source: Path, host: str) -> None:
    print(f"-- one small signed image, {LATENCY * 1000:.0f} ms away")
    to = folder / "to"
    works: Works = {
        "airgap": plain(lambda: airgap(f"{source}:v0", f"{host}/{fresh_name()}:v1")),
        "oras": plain(lambda: oras_up(source, f"{host}/{fresh_name()}:v1", "v0")),
        "regctl": plain(lambda: regctl_copy(f"ocidir://{source}:v0", f"{host}/{fresh_name()}:v1")),
    }
    table("layout to registry", works)
    there = f"{host}/single:v1"
    airgap(f"{source}:v0", there)
    works = {
        "airgap": into(to, lambda: airgap(there, to)),
        "oras": into(to, lambda: oras_down(there, f"{to}:v1")),
        "regctl": into(to, lambda: regctl_copy(there, f"ocidir://{to}:v1")),
        "skopeo": into(to, lambda: skopeo(f"docker://{there}", f"oci:{to}:v1")),
    }
    table("registry to layout", works)


def table(title: str, works: Works) -> None:
    """One line a tool, and the ratio of airgap to the best peer."""
    usable = {name: work for name, work in works.items() if shutil.which(name.split()[0]) or name.startswith("airgap")}
    costs = medians(usable, ROUNDS)
    peers = {name: cost for name, cost in costs.items() if name in {"oras", "regctl", "skopeo"}}
    best = min(peers.values(), default=None, key=lambda cost: cost.wall)
    for name, cost in costs.items():
        ratio = "" if best is None else f"  {cost.wall / best.wall:6.2f} of the best peer"
        times = f"{cost.wall * 1000:9.0f} ms  processor {cost.cpu * 1000:9.0f} ms"
        print(f"{title:<31} {name:<15} {times}{ratio}", flush=True)


def plain(work: Callable[[], object]) -> tuple[Callable[[], object], Callable[[], object]]:
    return (lambda: None), work


def into(path: Path, work: Callable[[], object]) -> tuple[Callable[[], object], Callable[[], object]]:
    """The work with nothing at `path`, whose removal is not measured."""
    return partial(remove, path), work


def airgap(*arguments: object) -> None:
    run(sys.executable, "-m", "airgap", "copy", "-q", *arguments)


def oras_layouts(source: Path, to: Path) -> None:
    run("oras", "cp", "-r", "--no-tty", "--from-oci-layout", "--to-oci-layout", f"{source}:v1", f"{to}:v1")


def oras_up(source: Path, there: str, tag: str = "v1") -> None:
    run("oras", "cp", "-r", "--no-tty", "--from-oci-layout", "--to-plain-http", f"{source}:{tag}", there)


def oras_down(there: str, to: str) -> None:
    run("oras", "cp", "-r", "--no-tty", "--from-plain-http", "--to-oci-layout", there, to)


def oras_backup(there: str, to: Path) -> None:
    run("oras", "backup", "--no-tty", "--plain-http", "--include-referrers", "--output", to, there)


def oras_restore(source: Path, there: str) -> None:
    run("oras", "restore", "--no-tty", "--plain-http", "--input", source, there)


def regctl_copy(source: str, to: str) -> None:
    hosts = {part.split("/")[0] for part in (source, to) if not part.startswith("ocidir:")}
    plain_http = [word for host in hosts for word in ("--host", f"reg={host},tls=disabled")]
    run("regctl", "image", "copy", "--referrers", *plain_http, source, to)


def skopeo(source: str, to: str) -> None:
    """Without signatures, which skopeo leaves behind."""
    run(
        *("skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"),
        *("--preserve-digests", source, to),
    )


def download(there: str, source: Path, to: Path) -> None:
    to.mkdir()
    blobs = [path.name for path in (source / "blobs" / "sha256").iterdir()]
    name = there.rpartition(":")[0].replace("/", "/v2/", 1)
    wanted = [word for blob in blobs for word in ("-o", to / blob, f"http://{name}/blobs/sha256:{blob}")]
    run("curl", "-s", "--noproxy", "*", *wanted)


def flush(path: Path) -> None:
    run("sync", "-f", path)


def run(*command: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def fresh_name() -> str:
    return f"fresh{next(NUMBERS)}"


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def large(path: Path) -> Path:
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(*(os.urandom((MIB << 20) // 8) for _ in range(8))), "v1")
    builder.add_referrer(image, b"signature")
    return builder.write_directory(path)


def small(path: Path, images: int) -> Path:
    builder = LayoutBuilder()
    base = os.urandom(100_000)
    for number in range(images):
        layers = (base, os.urandom(20_000))
        image = builder.tag(builder.add_image(*layers, config=json.dumps({"n": number}).encode()), f"v{number}")
        builder.add_referrer(image, f"signature {number}".encode() * 100)
    return builder.write_directory(path)


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
def docker_registry(folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    with serving(port, "docker-registry", "serve", folder / "config.yml") as host:
        yield host


@contextmanager
def olareg(folder: Path) -> Iterator[str]:
    port = free_port()
    options = ("--addr", "127.0.0.1", "--port", port, "--dir", folder / "olareg")
    with serving(port, "olareg", "serve", *options) as host:
        yield host


REGISTRIES: dict[str, Callable[[Path], object]] = {"docker-registry": docker_registry, "olareg": olareg}


@contextmanager
def serving(port: int, *command: object) -> Iterator[str]:
    words = [str(part) for part in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, seconds=20)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def delayed(host: str) -> Iterator[str]:
    """The registry behind a line on which every answer takes LATENCY."""
    name, _, port = host.rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            time.sleep(LATENCY / 2)
            server = socket.create_connection((name, int(port)))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 18):
            time.sleep(LATENCY / 2)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
