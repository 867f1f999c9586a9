"""The workloads of bench/pool.cpp on Python's ProcessPoolExecutor, under asyncio."""

import asyncio
import concurrent.futures
import statistics
import sys
import time


def add(a, b):
    return a + b


def back(data):
    return data


def work(seed):
    for _ in range(400_000):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
    return seed


def report(workload, samples, unit):
    print(f"RESULT\tcpython_{sys.version_info[0]}.{sys.version_info[1]}\t{workload}\t"
          f"{statistics.median(samples):.2f}\t{unit}\tmin={min(samples):.2f}\t"
          f"max={max(samples):.2f}", flush=True)


async def timed_calls(pool, function, arguments, rounds):
    loop = asyncio.get_running_loop()
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        await loop.run_in_executor(pool, function, *arguments)
        samples.append((time.perf_counter() - start) * 1e6)
    return samples[rounds // 10:]


async def calls_at_once(pool):
    loop = asyncio.get_running_loop()
    samples = []
    for _ in range(20):
        start = time.perf_counter()
        await asyncio.gather(*(loop.run_in_executor(pool, add, i, 1) for i in range(64)))
        samples.append((time.perf_counter() - start) * 1e6 / 64)
    return samples


async def seconds_of_work(pool):
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(pool, work, 1)
    start = time.perf_counter()
    await asyncio.gather(*(loop.run_in_executor(pool, work, i) for i in range(24)))
    return time.perf_counter() - start


async def main():
    executor = concurrent.futures.ProcessPoolExecutor
    with executor(1) as one, executor(2) as two:
        report("P1_small_call", await timed_calls(one, add, (1, 2), 2000), "us")
        report("P2_1MiB_each_way", await timed_calls(one, back, (bytes(1 << 20),), 200), "us")
        report("P3_64_calls_at_once", await calls_at_once(two), "us")
        ratios = []
        for _ in range(3):
            alone = await seconds_of_work(one)
            ratios.append(alone / await seconds_of_work(two))
        report("P4_two_processes", ratios, "x")


if __name__ == "__main__":
    asyncio.run(main())
