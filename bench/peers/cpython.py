"""CPython's asyncio beside us: the same workloads. cpython.py [--uvloop] [W1..W11]"""

import asyncio
import os
import resource
import statistics
import sys
import threading
import time

USAGE = "usage: cpython.py [--uvloop] [W1..W11]"
RUNS = max(1, int(os.environ.get("BENCH_RUNS", "3")))


def report(peer, workload, samples, unit="ns"):
    low, high, median = min(samples), max(samples), statistics.median(samples)
    spread = 100 * (high - low) / median if median else 0
    print(f"RESULT\t{peer}\t{workload}\t{median:.2f}\t{unit}\tmin={low:.2f}\tmax={high:.2f}"
          f"\tspread={spread:.0f}%", flush=True)


async def ready(i):
    return i


async def await_ready(n):
    for i in range(n):
        await ready(i)


async def spawn_and_gather(rounds):
    for _ in range(rounds):
        await asyncio.gather(*(asyncio.create_task(ready(i)) for i in range(1000)))


async def yield_often(n):
    for _ in range(n):
        await asyncio.sleep(0)


async def switch_between(tasks, total):
    await asyncio.gather(*(yield_often(total // tasks) for _ in range(tasks)))


async def next_round():
    await asyncio.sleep(0)
    return 1


async def wait_for_often(n):
    for _ in range(n):
        await asyncio.wait_for(next_round(), 1)


async def forever():
    await asyncio.get_running_loop().create_future()


async def cancel_and_catch(n):
    for _ in range(n):
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def produce(queue, n):
    for i in range(n):
        await queue.put(i)


async def consume(queue, n):
    for _ in range(n):
        await queue.get()


async def through_queue(capacity, n):
    queue = asyncio.Queue(capacity)
    await asyncio.gather(consume(queue, n), produce(queue, n))


async def post_burst(n):
    loop = asyncio.get_running_loop()
    arrived = 0
    done = loop.create_future()

    def arrive():
        nonlocal arrived
        arrived += 1
        if arrived == n:
            done.set_result(None)

    def post():
        for _ in range(n):
            loop.call_soon_threadsafe(arrive)

    thread = threading.Thread(target=post)
    thread.start()
    await done
    thread.join()


async def thread_round_trips(n):
    times = []
    for _ in range(n):
        start = time.perf_counter_ns()
        await asyncio.to_thread(lambda: None)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times)


async def deep(n):
    return 0 if n == 0 else 1 + await deep(n - 1)


async def deep_often(repeats):
    for _ in range(repeats):
        await deep(900)  # what the interpreter's recursion limit allows


async def throw_at_the_bottom(n):
    if n == 0:
        raise ValueError
    return 1 + await throw_at_the_bottom(n - 1)


async def throw_often(repeats):
    for _ in range(repeats):
        try:
            await throw_at_the_bottom(10)
        except ValueError:
            pass


async def lock_often(n):
    lock = asyncio.Lock()
    for _ in range(n):
        await lock.acquire()
        lock.release()


async def many_timers(n):
    state = 88172645463325252
    delays = []
    for _ in range(n):
        state ^= state << 13 & 2**64 - 1
        state ^= state >> 7
        state ^= state << 17 & 2**64 - 1
        delays.append((1 + (state >> 32) % 500) / 1000)
    await asyncio.gather(*map(asyncio.sleep, delays))


async def bytes_per_task(n):
    def resident():
        with open("/proc/self/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    before = resident()
    tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(n)]
    await asyncio.sleep(0)
    size = (resident() - before) / n
    for task in tasks:
        task.cancel()
    return size


# Workload, operations of one run, the run.
TIMED = [
    ("W1_await_ready", 1_000_000, lambda n: await_ready(n)),
    ("W2_spawn_join", 100_000, lambda n: spawn_and_gather(n // 1000)),
    ("W3_switch_2", 200_000, lambda n: switch_between(2, n)),
    ("W3_switch_1000", 200_000, lambda n: switch_between(1000, n)),
    ("W5_wait_for", 50_000, lambda n: wait_for_often(n)),
    ("W6_cancel/throw", 50_000, lambda n: cancel_and_catch(n)),
    ("W7_queue_1", 100_000, lambda n: through_queue(1, n)),
    ("W7_queue_64", 100_000, lambda n: through_queue(64, n)),
    ("W8_post_burst", 100_000, lambda n: post_burst(n)),
    ("W10_deep1000_per_level", 90_000, lambda n: deep_often(n // 900)),
    ("W10_throw_depth10", 10_000, lambda n: throw_often(n)),
    ("W11_lock", 1_000_000, lambda n: lock_often(n)),
]


def main(words):
    peer = "cpython"
    run = asyncio.run
    if words[:1] == ["--uvloop"]:
        words = words[1:]
        peer = "uvloop"
        import uvloop

        def run(main):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(main)

    if len(words) > 1:
        sys.exit(USAGE)
    only = words[0] if words else ""

    def wanted(workload):
        return workload.startswith(only) and not workload[len(only):][:1].isdigit()

    for workload, n, start in TIMED:
        if not wanted(workload):
            continue
        samples = []
        for _ in range(RUNS):
            begun = time.perf_counter_ns()
            run(start(n))
            samples.append((time.perf_counter_ns() - begun) / n)
        report(peer, workload, samples)
    if wanted("W8"):
        report(peer, "W8_roundtrip_median", [run(thread_round_trips(5000)) for _ in range(RUNS)])
    if wanted("W4"):
        samples = []
        for _ in range(RUNS):
            begun = time.process_time_ns()
            run(many_timers(100_000))
            samples.append((time.process_time_ns() - begun) / 100_000)
        report(peer, "W4_timers_cpu", samples)
    if wanted("W9"):
        report(peer, "W9_rss_per_task", [run(bytes_per_task(100_000))], "bytes")


main(sys.argv[1:])
