"""Threads: blocking calls out of the loop, coroutines into it."""

import asyncio
import concurrent.futures
import contextvars
import threading

import oracle
from oracle import Boom, attempt, outcome_of, say, settle, state


def scenario_S149_a_blocking_call_in_a_thread():
    async def main():
        loop = asyncio.get_running_loop()
        here = threading.get_ident()

        def job(a, b):
            return a + b

        def fail():
            raise Boom("in the thread")

        def elsewhere():
            return threading.get_ident() != here

        say("run_in_executor:", await loop.run_in_executor(None, job, 40, 2))
        say("to_thread:", await asyncio.to_thread(job, 40, 2))
        say("in another thread:", await asyncio.to_thread(elsewhere))
        say("an error:", await outcome_of(asyncio.to_thread(fail)))

    asyncio.run(main())


def scenario_S149_the_loop_goes_on_meanwhile():
    async def main():
        release = threading.Event()

        def job():
            release.wait()
            return 42

        async def worker():
            return await asyncio.to_thread(job)

        t = asyncio.create_task(worker())
        await settle()
        say("the loop runs, the job is", state(t))
        release.set()
        say("job:", await t)

    asyncio.run(main())


def scenario_S149_a_cancelled_wait_returns_at_once():
    ended = []

    async def main():
        release = threading.Event()
        started = threading.Event()

        def job():
            started.set()
            release.wait()
            ended.append("the job went on to its end")

        async def worker():
            await asyncio.to_thread(job)

        t = asyncio.create_task(worker())
        await settle()
        started.wait()
        t.cancel()
        say("await:", await outcome_of(t))
        say("job ended", len(ended) > 0)
        release.set()

    asyncio.run(main())
    say(ended)


def scenario_S149_a_job_that_ends_after_the_loop_was_closed():
    started = threading.Event()
    release = threading.Event()
    ended = []

    def job():
        started.set()
        release.wait()
        ended.append("ended")

    pool = concurrent.futures.ThreadPoolExecutor(1)

    async def main():
        f = asyncio.get_running_loop().run_in_executor(pool, job)
        started.wait()
        f.cancel()
        say("await:", await outcome_of(f))

    asyncio.run(main())
    say("loop closed")
    release.set()
    pool.shutdown()
    say("job", ended)


def scenario_S150_context_variables_go_along():
    async def main():
        request = contextvars.ContextVar("request", default="none")

        def job():
            seen = request.get()
            request.set("by the job")
            return seen

        request.set("by main")
        say("the job saw", await asyncio.to_thread(job))
        say("main sees", request.get())

    asyncio.run(main())


def in_a_thread(f):
    """Runs f in a thread of its own while the loop goes on."""

    async def wait():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def run():
            f()
            loop.call_soon_threadsafe(done.set_result, None)

        thread = threading.Thread(target=run)
        thread.start()
        await done
        thread.join()

    return wait()


def scenario_S151_a_coroutine_from_another_thread():
    async def main():
        loop = asyncio.get_running_loop()

        async def add(a, b):
            await asyncio.sleep(0)
            return a + b

        async def fail():
            await asyncio.sleep(0)
            raise Boom("in the loop")

        async def cancelled():
            raise asyncio.CancelledError()

        def other():
            say("value:", attempt(asyncio.run_coroutine_threadsafe(add(40, 2), loop).result))
            say("error:", attempt(asyncio.run_coroutine_threadsafe(fail(), loop).result))
            f = asyncio.run_coroutine_threadsafe(cancelled(), loop)
            try:
                f.result()
            except concurrent.futures.CancelledError:
                say("cancelled: cancelled_error")

        await in_a_thread(other)

    asyncio.run(main())


def scenario_S151_cancelling_from_the_other_thread():
    async def main():
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        started = threading.Event()

        async def work():
            try:
                started.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ended.set_result("the task was cancelled")
                raise

        def other():
            f = asyncio.run_coroutine_threadsafe(work(), loop)
            started.wait()
            say("cancel", f.cancel())

        await in_a_thread(other)
        say(await ended)

    asyncio.run(main())


def scenario_S151_a_wait_that_times_out():
    async def main():
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        started = threading.Event()

        async def work():
            try:
                started.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ended.set_result("the task was cancelled")
                raise

        def other():
            f = asyncio.run_coroutine_threadsafe(work(), loop)
            started.wait()
            say("result:", attempt(f.result, 0.005))
            say("cancel", f.cancel())

        await in_a_thread(other)
        say(await ended)

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
