"""run and runner: main's outcome, the end of everything else, Ctrl-C."""

import asyncio
import contextvars
import signal
import threading

import oracle
from oracle import Boom, attempt, captured_log, outcome_of, say, since, turns


async def sleeps():
    await asyncio.sleep(3600)


def scenario_S125_the_outcome_of_main():
    async def value():
        return 42

    async def error():
        raise Boom("main")

    async def cancelled():
        raise asyncio.CancelledError()

    say("value:", attempt(lambda: asyncio.run(value())))
    say("error:", attempt(lambda: asyncio.run(error())))
    say("cancelled:", attempt(lambda: asyncio.run(cancelled())))


def scenario_S125_run_inside_run():
    async def main():
        async def other():
            say("this never runs")

        with captured_log() as lines:
            coroutine = other()
            say("run:", attempt(lambda: asyncio.run(coroutine)))
            coroutine.close()
        say("main goes on", await outcome_of(asyncio.sleep(0, "yes")))

    asyncio.run(main())


def scenario_S126_leftover_tasks_are_cancelled_and_awaited():
    order = []

    async def leftover():
        try:
            await sleeps()
        finally:
            order.append("cancelled")
            await asyncio.sleep(0.001)
            order.append("cleaned up")

    async def main():
        asyncio.create_task(leftover())
        await turns(1)
        order.append("main returns")
        return 42

    say("run:", attempt(lambda: asyncio.run(main())))
    say(order)


def scenario_S126_leftovers_of_a_main_that_fails():
    order = []

    async def leftover():
        try:
            await sleeps()
        finally:
            order.append("cancelled")

    async def main():
        asyncio.create_task(leftover())
        await turns(1)
        raise Boom("main")

    say("run:", attempt(lambda: asyncio.run(main())))
    say(order)


def scenario_S127_errors_of_leftovers_are_reported():
    seen = []

    def handler(loop, context):
        seen.append(context["exception"])
        say("the message names the shutdown", "shutdown" in context["message"])

    async def leftover():
        try:
            await sleeps()
        finally:
            raise Boom("cleanup")

    async def main():
        asyncio.get_running_loop().set_exception_handler(handler)
        asyncio.create_task(leftover())
        await turns(1)
        return 42

    say("run:", attempt(lambda: asyncio.run(main())))
    say("reported", seen)


def scenario_S128_async_generators_are_closed_after_the_leftovers():
    order = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            order.append("generator closed")

    generator = None

    async def leftover():
        try:
            await sleeps()
        finally:
            order.append("leftover cancelled")

    async def main():
        nonlocal generator
        generator = numbers()
        say("first", await anext(generator))
        asyncio.create_task(leftover())
        await turns(1)
        return 42

    say("run:", attempt(lambda: asyncio.run(main())))
    say(order)


def scenario_S129_one_loop_and_one_context_for_all_runs():
    request = contextvars.ContextVar("request", default="none")
    loops = []

    async def first():
        loops.append(asyncio.get_running_loop())
        say("first sees", request.get())
        request.set("by the first")

    async def second():
        loops.append(asyncio.get_running_loop())
        say("second sees", request.get())

    with asyncio.Runner() as runner:
        runner.run(first())
        runner.run(second())
        say("the same loop", loops[0] is loops[1], "that of the runner", loops[0] is runner.get_loop())
    say("outside", request.get())


def scenario_S129_tasks_live_on_between_the_runs():
    tasks = []

    async def worker():
        await turns(3)
        return 42

    async def first():
        tasks.append(asyncio.create_task(worker()))

    async def second():
        return await tasks[0]

    with asyncio.Runner() as runner:
        runner.run(first())
        say("between", tasks[0].done())
        say("second:", runner.run(second()))
        tasks.clear()


def scenario_S130_close():
    async def value():
        return 42

    runner = asyncio.Runner()
    say("run:", runner.run(value()))
    say("close:", attempt(runner.close))
    say("close again:", attempt(runner.close))
    say("get_loop after close:", attempt(runner.get_loop))
    coroutine = value()
    say("run after close:", attempt(runner.run, coroutine))
    coroutine.close()


def scenario_S131_ctrl_c_cancels_main():
    order = []

    async def main():
        f = asyncio.get_running_loop().create_future()
        signal.raise_signal(signal.SIGINT)
        try:
            await f
        finally:
            order.append("main cancelled")
            say("future cancelled", f.cancelled())

    say("run:", attempt(lambda: asyncio.run(main())))
    say(order)


def scenario_S131_also_in_a_loop_of_sleep_0():
    async def main():
        signal.raise_signal(signal.SIGINT)
        while True:
            await asyncio.sleep(0)

    say("run:", attempt(lambda: asyncio.run(main())))


def scenario_S131_main_may_clean_up_and_leftovers_too():
    order = []

    async def leftover():
        try:
            await sleeps()
        finally:
            order.append("leftover cancelled")

    async def main():
        asyncio.create_task(leftover())
        await turns(1)
        signal.raise_signal(signal.SIGINT)
        try:
            await sleeps()
        finally:
            await asyncio.sleep(0.001)
            order.append("main cleaned up")

    say("run:", attempt(lambda: asyncio.run(main())))
    say(order)


def scenario_S131_main_may_refuse():
    async def main():
        signal.raise_signal(signal.SIGINT)
        try:
            await sleeps()
        except asyncio.CancelledError:
            return 42

    say("run:", attempt(lambda: asyncio.run(main())))


def scenario_S132_ctrl_c_and_a_cancel():
    async def main():
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        signal.raise_signal(signal.SIGINT)
        await sleeps()

    say("run:", attempt(lambda: asyncio.run(main())))


@since(3, 13)
def scenario_S133_an_executor_that_does_not_end_in_time():
    release = threading.Event()

    def job():
        release.wait()

    async def main():
        loop = asyncio.get_running_loop()
        f = loop.run_in_executor(None, job)
        await loop.shutdown_default_executor(0.001)
        say("shutdown returned, job done", f.done())
        say("another job:", await outcome_of(asyncio.to_thread(job)))
        release.set()
        say("job:", await outcome_of(f))

    with captured_log() as lines:
        asyncio.run(main())
    say("warned", len(lines) > 0)


if __name__ == "__main__":
    oracle.play(globals())
