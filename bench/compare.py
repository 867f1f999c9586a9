#!/usr/bin/env python3
"""Benchmarks side by side: ours, the floors, and the peers that this machine has.

    compare.py PROGRAMS [--rounds N] [--only W1,N1,...] [--write FILE]

PROGRAMS is the folder with the built programs. Every workload runs in rounds, in which everybody
has a turn in a random order: the machine's moods hit all alike. The table shows medians; ratios are
of medians, and what spreads by more than a few percent is no news. --write puts the table between
the marks of FILE.
"""

import argparse
import json
import math
import os
import platform
import random
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
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
    "W6_cancel/as_outcome": "the same through `as_outcome`",
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

# What a server does, its read size, what the load generator does, and what the row says.
NETWORK = {
    "N1_c1": ("echo", 16384, ["echo", "1", "64"], "echo 64 B, 1 connection"),
    "N1_c50": ("echo", 16384, ["echo", "50", "64"], "echo 64 B, 50 connections"),
    "N1_c1000": ("echo", 16384, ["echo", "1000", "64"], "echo 64 B, 1000 connections"),
    "N2": ("echo", 16384, ["echo", "50", "16384"], "echo 16 KiB, 50 connections"),
    "N3": ("echo", 4096, ["churn", "50", "64"], "connect, one echo, close"),
    "N5": ("echo", 512, ["idle", "10000", "64"], "10,000 idle connections, bytes each"),
    "N6": ("timeout", 16384, ["echo", "50", "64"], "echo 64 B, a timeout around every read"),
    "N7": ("http", 4096, ["http", "50", "0"], "HTTP keep-alive hello, 50 connections"),
}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Peers:
    """Who takes part, and the command lines."""

    def __init__(self, programs):
        self.clockwork = {OURS: [programs / "bench_core"]}
        self.servers = {OURS: [programs / "bench_server"]}
        self.load = programs / "bench_load"
        self.pools = {}
        self.add(self.pools, OURS, programs / "bench_pool", "libcereal-dev")
        self.add(self.clockwork, FLOOR, programs / "bench_floor", None)
        self.add(self.clockwork, "Boost.Asio", programs / "bench_boost_asio", "libboost-dev")
        self.servers[f"{OURS}, io_uring"] = [
            "env", "ASYNCIO_BACKEND=io_uring", programs / "bench_server"]
        self.add(self.servers, FLOOR, programs / "bench_epoll_server", None)
        self.add(self.servers, f"{FLOOR}, io_uring", programs / "bench_uring_server", "liburing-dev")
        self.add(self.servers, "Boost.Asio", programs / "bench_asio_server", "libboost-dev")
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


def run_network(command, load, workload):
    """One server on core 0 under the load generator on core 1."""
    mode, size, arguments, _ = NETWORK[workload]
    port = free_port()
    server = subprocess.Popen(pinned(0, [*command, port, mode, size]), stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.03)
            if server.poll() is not None:
                raise RuntimeError(server.stderr.read().decode()[-300:])
        done = subprocess.run(pinned(1, [load, port, server.pid, *arguments]), text=True,
                              capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip()[-300:] or f"exit code {done.returncode}")
        return {workload: json.loads(done.stdout)["figure"]}
    finally:
        server.kill()
        server.wait()


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
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


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
    for name in NETWORK:
        if wanted(name):
            for peer, command in peers.servers.items():
                jobs.append((name, peer, lambda c=command, n=name: run_network(c, peers.load, n)))
    if wanted("P"):
        for peer, command in peers.pools.items():
            jobs.append(("P", peer, lambda c=command: run_clockwork(c, "all")))
    if not jobs:
        sys.exit(f"compare.py: no workload matches {options.only}; there are "
                 + ", ".join([*CLOCKWORK, *NETWORK, "P"]))
    samples = measure(max(1, options.rounds), jobs)
    network = {name: row[3] for name, row in NETWORK.items()}
    tables = "\n".join(filter(None, [
        table(samples, CLOCKWORK, "The clockwork", "ns"),
        table(samples, network, "The network", "CPU ns of the server per message"),
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
