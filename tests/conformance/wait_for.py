"""wait_for: a deadline around one awaitable; nothing that was finished in time is lost."""

import asyncio
import time

import oracle
from oracle import Boom, outcome_of, say, say_differs, settle, state, turns


async def sleeps():
    await asyncio.sleep(3600)


def scenario_S91_a_done_future_with_no_time_left():
    async def main():
        f = asyncio.get_running_loop().create_future()
        f.set_result(42)
        say("timeout 0:", await outcome_of(asyncio.wait_for(f, 0)))
        say("timeout -1:", await outcome_of(asyncio.wait_for(f, -1)))

    asyncio.run(main())


def scenario_S91_a_coroutine_with_no_time_left():
    async def main():
        started = []

        async def worker():
            started.append("started")

        say("timeout 0:", await outcome_of(asyncio.wait_for(worker(), 0)))
        say("timeout -1:", await outcome_of(asyncio.wait_for(worker(), -1)))
        say("body", started)

    asyncio.run(main())


def scenario_S91_in_time_and_without_a_limit():
    async def main():
        async def worker():
            await turns(2)
            return 42

        async def fail():
            await turns(2)
            raise Boom("x")

        say("in time:", await outcome_of(asyncio.wait_for(worker(), 3600)))
        say("no limit:", await outcome_of(asyncio.wait_for(worker(), None)))
        say("an error:", await outcome_of(asyncio.wait_for(fail(), 3600)))

    asyncio.run(main())


def scenario_S92_it_waits_for_the_end_of_the_cancelled():
    async def main():
        order = []

        async def worker():
            try:
                await sleeps()
            finally:
                order.append("cleaning up")
                await asyncio.sleep(0.003)
                order.append("cleaned up")

        order.append(await outcome_of(asyncio.wait_for(worker(), 0.001)))
        say(order)

    asyncio.run(main())


def scenario_S92_also_with_timeout_0():
    async def main():
        order = []

        async def worker():
            try:
                await sleeps()
            finally:
                order.append("cleaning up")
                await asyncio.sleep(0.001)
                order.append("cleaned up")

        t = asyncio.create_task(worker())
        await turns(1)
        order.append(await outcome_of(asyncio.wait_for(t, 0)))
        say(order)
        say("task cancelled", t.cancelled())

    asyncio.run(main())


def scenario_S93_the_cancel_is_refused():
    async def main():
        async def worker():
            try:
                await sleeps()
            except asyncio.CancelledError:
                return "a value all the same"

        say("wait_for:", await outcome_of(asyncio.wait_for(worker(), 0.001)))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S94_an_error_during_the_cancel():
    async def main():
        async def worker():
            try:
                await sleeps()
            finally:
                raise Boom("cleanup")

        say("wait_for:", await outcome_of(asyncio.wait_for(worker(), 0.001)))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S95_cancelling_wait_for():
    async def main():
        async def cancelled(timeout):
            order = []
            release = asyncio.get_running_loop().create_future()

            async def worker():
                try:
                    await sleeps()
                finally:
                    order.append("cleaning up")
                    await release
                    order.append("cleaned up")

            async def waiter():
                await asyncio.wait_for(worker(), timeout)

            t = asyncio.create_task(waiter())
            await settle()
            t.cancel()
            await settle()
            say("waiter done", t.done(), order)
            release.set_result(None)
            say("waiter:", await outcome_of(t), order)

        say("with a timeout")
        await cancelled(3600)
        say("without")
        await cancelled(None)

    asyncio.run(main())


def scenario_S95_cancelling_wait_for_a_task():
    async def main():
        inner = asyncio.create_task(sleeps())

        async def waiter():
            await asyncio.wait_for(inner, 3600)

        t = asyncio.create_task(waiter())
        await settle()
        t.cancel()
        say("waiter:", await outcome_of(t))
        say("inner:", state(inner))

    asyncio.run(main())


def scenario_S96_the_inner_completes_and_the_outer_is_cancelled():
    async def main():
        async def inner():
            return "done"

        i = asyncio.create_task(inner())
        reached_the_end = []

        async def waiter():
            await asyncio.wait_for(i, 3600)
            await asyncio.sleep(1)
            reached_the_end.append("yes")

        t = asyncio.create_task(waiter())
        await turns(1)
        t.cancel()
        say("waiter:", await outcome_of(t))
        say("inner:", await outcome_of(i))
        say("reached the end", reached_the_end)

    asyncio.run(main())


def scenario_S97_the_result_and_the_timeout_in_one_turn():
    async def main():
        loop = asyncio.get_running_loop()
        f = loop.create_future()
        seen = []

        async def waiter():
            loop.call_later(0.001, f.set_result, "value")
            seen.append(await outcome_of(asyncio.wait_for(f, 0.002)))
            seen.append(await outcome_of(asyncio.sleep(0, "slept")))

        t = asyncio.create_task(waiter())
        await turns(1)
        time.sleep(0.005)  # both timers are due now
        await t
        why = "the result wins"
        say_differs("wait_for:", seen[0], cpython="timeout_error", ours="value", why=why)
        say("the next await:", seen[1])
        say("cancelling", t.cancelling(), "cancelled", t.cancelled())

    asyncio.run(main())


def scenario_S98_in_the_task_of_the_caller():
    async def main():
        caller = asyncio.current_task()

        async def worker():
            return asyncio.current_task() is caller

        say("the same task:", await asyncio.wait_for(worker(), 3600))

    asyncio.run(main())


def scenario_S99_a_shield_around_the_task():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def worker():
            return await release

        t = asyncio.create_task(worker())
        say("timeout 0:", await outcome_of(asyncio.wait_for(asyncio.shield(t), 0)))
        say("timeout 1 ms:", await outcome_of(asyncio.wait_for(asyncio.shield(t), 0.001)))
        say("task:", state(t), "cancelling", t.cancelling())
        release.set_result(42)
        say("task:", await outcome_of(t))

    asyncio.run(main())


def scenario_S100_a_condition_is_held_again_before_the_timeout_is_raised():
    async def main():
        condition = asyncio.Condition()
        await condition.acquire()
        say("wait:", await outcome_of(asyncio.wait_for(condition.wait(), 0.001)))
        say("locked", condition.locked())
        condition.release()
        say("locked", condition.locked())

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
