#!/usr/bin/env python3
"""Benchmarks side by side: ours, the floors, and the peers that this machine has.

    compare.py PROGRAMS [--rounds N] [--only W1,N1,...] [--write FILE]

PROGRAMS is the folder with the built programs. Every workload runs in rounds, in which everybody
has a turn in a random order: the machine's moods hit all alike. The table shows medians; ratios are
of medians, and what spreads by more than a few percent is no news. --write puts the table between
the marks of FILE.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = "asyncio"
FLOOR = "floor"

CLOCKWORK = {
    "W1_await_ready": "await a coroutine that is ready",
    "W2_spawn_join": "spawn 1000 tasks and gather them, per task",
    "W3_switch_2": "switch between 2 tasks, `sleep(0)`",
    "W3_switch_1000": "switch between 1000 tasks",
    "W4_timers_cpu": "100,000 timers over 0.5 s, CPU per timer",
    "W5_wait_for": "`wait_for` around what is done in the next turn",
    "W6_cancel/throw": "cancel a waiting task, await it, catch",
    "W6_cancel/thrown_once": "the same, awaited through `as_outcome`",
    "W6_cancel/as_outcome": "the same, the task takes it through `as_outcome`, too: no throw",
    "W7_queue_1": "queue of 1, per item",
    "W7_queue_64": "queue of 64, per item",
    "W8_post_burst": "post from another thread, burst",
    "W8_roundtrip_median": "round trip to a thread",
    "W9_rss_per_task": "memory of a sleeping task, bytes",
    "W10_deep1000_per_level": "await 1000 levels deep, per level",
    "W10_throw_depth10": "throw through 10 levels",
    "W11_lock": "a lock that nobody else wants",
}

PROCESSES = {
    "P0_small_call_in_a_thread": "a small call in a thread",
    "P1_small_call": "a small call in another process",
    "P2_1MiB_each_way": "1 MiB there and back",
    "P3_64_calls_at_once": "64 calls at once, two processes",
    "P4_two_processes": "two processes against one, times as fast",
    "P5_death_is_told": "a process is killed: until its caller is told",
    "P5_and_replaced": "and until another has answered",
}

class Load(typing.NamedTuple):
    """What a server does, its read size, what the load generator does, what the row says."""

    mode: str
    size: int
    arguments: list
    text: str
    figure: str = "figure"  # of what the generator prints
    ours: tuple = ()        # more arguments of our server; then nobody else takes part
    cores: str = "0"        # of the server; the generator has core 1


NETWORK = {
    "N1_c1": Load("echo", 16384, ["echo", "1", "64"], "echo 64 B, 1 connection"),
    "N1_c50": Load("echo", 16384, ["echo", "50", "64"], "echo 64 B, 50 connections"),
    "N1_c1000": Load("echo", 16384, ["echo", "1000", "64"], "echo 64 B, 1000 connections"),
    "N2": Load("echo", 16384, ["echo", "50", "16384"], "echo 16 KiB, 50 connections"),
    "N3": Load("echo", 4096, ["churn", "50", "64"], "connect, one echo, close"),
    "N5": Load("echo", 512, ["idle", "10000", "64"],
               "10,000 idle connections, bytes each; in Boost.Asio 528 are the read buffer"),
    "N6": Load("timeout", 16384, ["echo", "50", "64"], "echo 64 B, a timeout around every read"),
    "N7": Load("http", 4096, ["http", "50", "0"], "HTTP keep-alive hello, 50 connections"),
}

# Other figures than the server's CPU time.
DELAYS = {
    "L1": Load("echo", 16384, ["echo", "1", "64"],
               "round trip of 64 B, 1 connection, median us", "p50_us"),
    "L1_spin": Load("echo", 16384, ["echo", "1", "64"],
                    "the same, the loop looks for 50 us before it sleeps", "p50_us",
                    ("epoll", "50")),
    "L1_spin_cpu": Load("echo", 16384, ["echo", "1", "64"],
                        "and the server's CPU ns per message then", "figure", ("epoll", "50")),
    "L2": Load("work", 16384, ["echo", "50", "64"],
               "requests per second that compute for 20 us each, 1 loop", "rate",
               ("epoll", "0", "1")),
    "L2_two_loops": Load("work", 16384, ["echo", "50", "64"],
                         "the same, 2 loops in 2 threads (of 2 cores the load generator takes its "
                         "share)", "rate", ("epoll", "0", "2"), "0,1"),
}

# What is counted per message at 50 connections: the server's mode.
COUNTS = {"S1": "echo", "S6": "timeout"}
COUNTED = {
    "S1_calls": "system calls per echo, 50 connections",
    "S6_calls": "the same, a timeout around every read",
    "S1_allocations": "allocations per echo, 50 connections",
    "S6_allocations": "the same, a timeout around every read",
}

COMPILING = {"C1_hello": "compiling hello world with g++ -O2"}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Peers:
    """Who takes part, and the command lines."""

    def __init__(self, programs):
        self.clockwork = {OURS: [programs / "bench_core"]}
        self.servers = {OURS: [programs / "bench_server"]}
        self.load = programs / "bench_load"
        self.allocations = programs / "libbench_allocations.so"
        self.hello = {OURS: HERE.parent / "examples/readme/hello.cpp",
                      FLOOR: HERE / "peers/hello_floor.cpp"}
        if os.path.exists("/usr/include/boost/asio.hpp"):
            self.hello["Boost.Asio"] = HERE / "peers/hello_asio.cpp"
        self.pools = {}
        self.add(self.pools, OURS, programs / "bench_pool", "libcereal-dev")
        self.add(self.clockwork, FLOOR, programs / "bench_floor", None)
        self.add(self.clockwork, "Boost.Asio", programs / "bench_boost_asio", "libboost1.81-dev")
        self.servers[f"{OURS}, io_uring"] = [
            "env", "ASYNCIO_BACKEND=io_uring", programs / "bench_server"]
        self.add(self.servers, FLOOR, programs / "bench_epoll_server", None)
        self.add(self.servers, f"{FLOOR}, io_uring", programs / "bench_uring_server", "liburing-dev")
        self.add(self.servers, "Boost.Asio", programs / "bench_asio_server", "libboost1.81-dev")
        self.add(self.servers, "libuv", programs / "bench_libuv_server", "libuv1-dev")
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        self.clockwork["CPython"] = [python, HERE / "peers/cpython.py"]
        self.servers["CPython"] = [python, HERE / "peers/cpython_server.py"]
        self.pools["CPython"] = [python, HERE / "peers/pool.py"]
        if subprocess.run([python, "-c", "import uvloop"], capture_output=True).returncode == 0:
            self.clockwork["uvloop"] = [*self.clockwork["CPython"], "--uvloop"]
            self.servers["uvloop"] = [*self.servers["CPython"], "--uvloop"]
        else:
            say("without uvloop: it needs the package python3-uvloop")

    @staticmethod
    def add(group, name, program, package):
        if program.exists():
            group[name] = [program]
        elif package:
            say(f"without {name}: it needs the package {package}, and then a new build")


def run_clockwork(command, workload):
    """The figures of one workload: name -> value."""
    done = subprocess.run([*map(str, command), workload], capture_output=True, text=True,
                          env={**os.environ, "BENCH_RUNS": "1"}, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
    rows = (line.split("\t") for line in done.stdout.splitlines() if line.startswith("RESULT\t"))
    return {row[2]: float(row[3]) for row in rows}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, command):
    enough = (os.cpu_count() or 1) > 1 and shutil.which("taskset")
    return (["taskset", "-c", str(core)] if enough else []) + [str(word) for word in command]


@contextlib.contextmanager
def serving(command, mode, size, more=(), cores="0", environment=None):
    """A server that answers: its port and its process."""
    port = free_port()
    server = subprocess.Popen(pinned(cores, [*command, port, mode, size, *more]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**os.environ, **(environment or {})})
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.03)
            if server.poll() is not None:
                raise RuntimeError(server.stderr.read().decode()[-300:])
        yield port, server
    finally:
        server.kill()
        server.wait()


def run_network(command, load, name, what):
    """One server on core 0 under the load generator on core 1."""
    with serving(command, what.mode, what.size, what.ours, what.cores) as (port, server):
        done = subprocess.run(pinned(1, [load, port, server.pid, *what.arguments]), text=True,
                              capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
        return {name: json.loads(done.stdout)[what.figure]}


def run_counts(command, peers, workload):
    """System calls, which strace counts, and allocations, which a preloaded library counts."""
    with tempfile.TemporaryDirectory() as folder:
        counter, calls = Path(folder, "allocations"), Path(folder, "calls")
        counter.write_bytes(bytes(8))
        preload = {"LD_PRELOAD": str(peers.allocations), "BENCH_ALLOCATIONS": str(counter)}
        with serving(command, COUNTS[workload], 16384, environment=preload) as (port, server), \
             subprocess.Popen(pinned(1, [peers.load, port, server.pid, "count", "50", "64"]),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            load.stdout.readline()  # it is ready
            tracer = None
            if shutil.which("strace"):
                tracer = subprocess.Popen(
                    ["strace", "-f", "-c", "-U", "calls,name", "-o", calls, "-p", str(server.pid)],
                    stderr=subprocess.PIPE, text=True)
                if "attached" not in tracer.stderr.readline():
                    say("system calls are not counted: strace may not look at processes here")
                    tracer.wait()
                    tracer = None
            before = int.from_bytes(counter.read_bytes(), sys.byteorder)
            print(file=load.stdin, flush=True)
            messages = json.loads(load.stdout.readline())["figure"]
            after = int.from_bytes(counter.read_bytes(), sys.byteorder)
            figures = {f"{workload}_allocations": (after - before) / messages}
            if tracer:
                tracer.send_signal(signal.SIGINT)
                tracer.wait()
                rows = re.findall(r"^ *(\d+) (?!total)\w+$", calls.read_text(), re.MULTILINE)
                figures[f"{workload}_calls"] = sum(map(int, rows)) / messages
            print(file=load.stdin, flush=True)
            return figures


def run_compiler(source):
    """Seconds until the compiler is done."""
    start = time.monotonic()
    subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-I",
                    HERE.parent / "include", "-c", source, "-o", os.devnull],
                   check=True, capture_output=True)
    return {"C1_hello": time.monotonic() - start}


def measure(rounds, jobs):
    """jobs: (workload, peer, function). Gives workload -> peer -> samples."""
    samples = {}
    failed = set()
    total, done = rounds * len(jobs), 0
    for _ in range(rounds):
        order = jobs[:]
        random.shuffle(order)
        for workload, peer, job in order:
            done += 1
            if sys.stderr.isatty():
                print(f"\r\x1b[Kbench: {done}/{total} {workload} {peer}", end="", file=sys.stderr)
            elif done % 20 == 0:
                say(f"{done} of {total}")
            if (workload, peer) in failed:
                continue
            try:
                for name, value in job().items():
                    samples.setdefault(name, {}).setdefault(peer, []).append(value)
            except (OSError, RuntimeError, ValueError, KeyError,
                    subprocess.TimeoutExpired) as error:
                failed.add((workload, peer))
                say(f"{workload}, {peer}: {error}")
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    return samples


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 3 else f"{value:.2f}"


def ratio(value):
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def table(samples, rows, title, unit):
    """Markdown: one row per workload; ratios of ours to the others in the same run."""
    names = [name for name in rows if OURS in samples.get(name, {})]
    if not names:
        return ""
    others = [FLOOR] + sorted({p for n in names for p in samples[n]} - {OURS, FLOOR})
    others = [p for p in others if any(p in samples[n] for n in names)]
    lines = [f"| {title}, {unit} | {OURS} (min - max) | " + " | ".join(others) + " |",
             "|---" * (2 + len(others)) + "|"]
    for name in names:
        ours = samples[name][OURS]
        median = statistics.median(ours)
        cells = [rows[name], f"**{number(median)}** ({number(min(ours))} - {number(max(ours))})"]
        for peer in others:
            theirs = samples[name].get(peer)
            if theirs:
                middle = statistics.median(theirs)
                times = f" ({ratio(middle / median)} x)" if median else ""
                cells.append(number(middle) + times)
            else:
                cells.append("")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def picture(samples, rows):
    """Per workload where everybody stands, the fastest first, on a logarithmic scale."""
    lines = []
    width = 60
    for name, text in rows.items():
        figures = {p: statistics.median(v) for p, v in samples.get(name, {}).items()}
        figures = {p: v for p, v in figures.items() if v > 0}
        if OURS not in figures or len(figures) < 2:
            continue
        lines.append(text.replace("`", ""))
        best, worst = min(figures.values()), max(figures.values())
        octaves = max(1.0, math.log2(worst / best))
        for peer, value in sorted(figures.items(), key=lambda item: item[1]):
            length = 2 + round(width * math.log2(value / best) / octaves)
            bar = ("█" if peer == OURS else "░") * length
            lines.append(f"  {peer:>10} {bar} {number(value)}")
    return "\n".join(lines)


def machine():
    model = ""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = re.search(r"model name\s*:\s*(.*)", text).group(1)
    except (OSError, AttributeError):
        model = platform.machine()
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], text=True,
                            capture_output=True, check=False).stdout.strip() or "no commit"
    kernel = ".".join(platform.release().split(".")[:2])
    return (f"Commit {commit}, {time.strftime('%Y-%m-%d')}; {model}, {os.cpu_count()} cores, "
            f"Linux {kernel}, load {os.getloadavg()[0]:.1f} at the end.")


def write_between_marks(path, text):
    page = path.read_text(encoding="utf-8")
    begin, end = "<!-- figures -->", "<!-- end of the figures -->"
    if begin not in page or end not in page:
        sys.exit(f"compare.py: {path} has no marks {begin} and {end}")
    before, after = page.split(begin)[0], page.split(end)[1]
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Benchmarks beside floors and peers")
    parser.add_argument("programs", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="comma-separated: W1,W3,N1_c50,...")
    parser.add_argument("--write", type=Path, help="the page whose figures are replaced")
    options = parser.parse_args()
    asked = [word for word in options.only.split(",") if word]

    def wanted(name):
        return not asked or any(re.match(rf"{re.escape(a)}(?!\d)", name) for a in asked)

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for ten thousand connections
    peers = Peers(options.programs)
    jobs = []
    groups = sorted({name.split("_")[0] for name in CLOCKWORK if wanted(name)})
    for group in groups:
        for peer, command in peers.clockwork.items():
            jobs.append((group, peer, lambda c=command, g=group: run_clockwork(c, g)))
    for name, what in {**NETWORK, **DELAYS}.items():
        for peer, command in peers.servers.items():
            if wanted(name) and (peer == OURS or not what.ours):
                jobs.append((name, peer, lambda c=command, n=name, w=what:
                             run_network(c, peers.load, n, w)))
    for name in filter(wanted, COUNTS):
        if not shutil.which("strace"):
            say("without the count of system calls: it needs the package strace")
        for peer, command in peers.servers.items():
            jobs.append((name, peer, lambda c=command, n=name: run_counts(c, peers, n)))
    if wanted("C1"):
        for peer, source in peers.hello.items():
            jobs.append(("C1", peer, lambda s=source: run_compiler(s)))
    if wanted("P"):
        for peer, command in peers.pools.items():
            jobs.append(("P", peer, lambda c=command: run_clockwork(c, "all")))
    if not jobs:
        sys.exit(f"compare.py: no workload matches {options.only}; there are "
                 + ", ".join([*CLOCKWORK, *NETWORK, *DELAYS, *COUNTS, "C1", "P"]))
    samples = measure(max(1, options.rounds), jobs)
    network = {name: what.text for name, what in NETWORK.items()}
    delays = {name: what.text for name, what in DELAYS.items()}
    tables = "\n".join(filter(None, [
        table(samples, CLOCKWORK, "The clockwork", "ns"),
        table(samples, network, "The network", "CPU ns of the server per message"),
        table(samples, COUNTED, "Per message", "counted"),
        table(samples, delays, "As clients see it", "us or per second"),
        table(samples, COMPILING, "Compile time", "s"),
        table(samples, PROCESSES, "The process pool", "us"),
    ]))
    text = f"{machine()} Medians of {options.rounds} interleaved rounds; in brackets how many " \
           f"times ours.\n\n{tables}"
    print(text)
    print(picture(samples, {**CLOCKWORK, **network, **PROCESSES}))
    if options.write:
        write_between_marks(options.write, text)


if __name__ == "__main__":
    main()
