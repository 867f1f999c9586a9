"""timeout: a deadline around a block, nested, moved, and in every order with a cancel from outside."""

import asyncio
import time

import oracle
from oracle import Boom, outcome_of, say, turns


async def sleeps():
    await asyncio.sleep(3600)


def scenario_S101_nested_with_the_same_deadline():
    async def main():
        loop = asyncio.get_running_loop()
        when = loop.time() + 0.001

        async def outer():
            async with asyncio.timeout_at(when) as o:

                async def inner():
                    async with asyncio.timeout_at(when) as i:
                        try:
                            await sleeps()
                        finally:
                            say("inner expired", i.expired(), "outer expired", o.expired())

                try:
                    await inner()
                except TimeoutError:
                    say("the inner raised")

        say("outer:", await outcome_of(outer()))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S101_the_inner_deadline_first():
    async def main():
        async def inner():
            async with asyncio.timeout(0.001):
                await sleeps()

        async with asyncio.timeout(3600) as o:
            say("inner:", await outcome_of(inner()))
            await asyncio.sleep(0)
        say("outer expired", o.expired())

    asyncio.run(main())


def scenario_S101_the_outer_deadline_first():
    async def main():
        async def inner():
            async with asyncio.timeout(3600) as i:
                try:
                    await sleeps()
                except asyncio.CancelledError:
                    say("inner: cancelled_error, expired", i.expired())
                    raise

        async def outer():
            async with asyncio.timeout(0.001):
                await inner()

        say("outer:", await outcome_of(outer()))

    asyncio.run(main())


def scenario_S102_a_cancel_before_the_deadline():
    async def main():
        async def worker():
            async with asyncio.timeout(3600) as scope:
                try:
                    await sleeps()
                finally:
                    say("expired", scope.expired())

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("worker:", await outcome_of(t))

    asyncio.run(main())


def scenario_S102_a_cancel_and_the_deadline_in_one_turn():
    async def main():
        loop = asyncio.get_running_loop()

        async def worker():
            async with asyncio.timeout(0.001) as scope:
                try:
                    await sleeps()
                finally:
                    say("expired", scope.expired())

        t = asyncio.create_task(worker())
        loop.call_later(0.001, t.cancel)
        await turns(1)
        time.sleep(0.004)  # both timers are due now
        say("worker:", await outcome_of(t))
        say("cancelled", t.cancelled(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S103_in_the_cleanup_of_a_cancelled_task():
    async def main():
        async def worker():
            async def cleanup():
                async with asyncio.timeout(0):
                    await sleeps()

            try:
                await sleeps()
            except asyncio.CancelledError:
                say("cleanup:", await outcome_of(cleanup()))
                say("cancelling", asyncio.current_task().cancelling())
                raise

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("worker:", await outcome_of(t))

    asyncio.run(main())


def scenario_S104_another_exception_passes():
    async def main():
        async def in_time():
            async with asyncio.timeout(3600):
                raise Boom("in time")

        async def on_timeout():
            async with asyncio.timeout(0.001):
                try:
                    await sleeps()
                except asyncio.CancelledError:
                    raise Boom("on timeout")

        say("before the deadline:", await outcome_of(in_time()))
        say("in the cleanup:", await outcome_of(on_timeout()))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S105_a_body_that_does_not_await_after_the_deadline():
    async def main():
        async def busy():
            async with asyncio.timeout(0.001) as scope:
                time.sleep(0.003)
            say("expired", scope.expired())
            return "no timeout"

        say(await outcome_of(busy()))

    asyncio.run(main())


def scenario_S105_one_sleep_0_after_a_missed_deadline():
    async def main():
        async def busy():
            async with asyncio.timeout(0.001) as scope:
                time.sleep(0.003)
                await asyncio.sleep(0)
            say("expired", scope.expired())
            return "no timeout"

        say(await outcome_of(busy()))

    asyncio.run(main())


def scenario_S105_no_time_at_all():
    async def main():
        async def work(timeout, delay):
            async with asyncio.timeout(timeout):
                await asyncio.sleep(delay)
            return "no timeout"

        async def idle(timeout):
            async with asyncio.timeout(timeout):
                pass
            return "no timeout"

        say("timeout(0), sleep(0):", await outcome_of(work(0, 0)))
        say("timeout(0), sleep(1 h):", await outcome_of(work(0, 3600)))
        say("timeout(-1), sleep(0):", await outcome_of(work(-1, 0)))
        say("timeout(0), no await:", await outcome_of(idle(0)))

    asyncio.run(main())


def scenario_S106_the_cancel_is_swallowed_in_the_body():
    async def main():
        async def work():
            async with asyncio.timeout(0.001) as scope:
                try:
                    await sleeps()
                except asyncio.CancelledError:
                    pass
            say("expired", scope.expired())
            return "no timeout"

        say(await outcome_of(work()))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S107_a_handled_timeout_does_not_cancel_the_task():
    async def main():
        async def work():
            try:
                async with asyncio.timeout(0.001):
                    await sleeps()
            except TimeoutError:
                return "handled"

        t = asyncio.create_task(work())
        say(await outcome_of(t))
        say("cancelled", t.cancelled(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S108_the_deadline_moves():
    async def main():
        loop = asyncio.get_running_loop()

        async def later():
            async with asyncio.timeout(0.001) as scope:
                scope.reschedule(loop.time() + 3600)
                await asyncio.sleep(0.003)
            return "no timeout"

        async def earlier():
            async with asyncio.timeout(3600) as scope:
                scope.reschedule(loop.time() + 0.001)
                await sleeps()

        async def never():
            async with asyncio.timeout(0.001) as scope:
                scope.reschedule(None)
                say("a deadline", scope.when() is not None)
                await asyncio.sleep(0.003)
            return "no timeout"

        async def into_the_past():
            async with asyncio.timeout(3600) as scope:
                scope.reschedule(loop.time() - 1)
                await sleeps()

        async def no_deadline():
            async with asyncio.timeout(None) as scope:
                say("a deadline", scope.when() is not None)
                await asyncio.sleep(0)
            return "no timeout"

        say("later:", await outcome_of(later()))
        say("earlier:", await outcome_of(earlier()))
        say("never:", await outcome_of(never()))
        say("into the past:", await outcome_of(into_the_past()))
        say("no deadline:", await outcome_of(no_deadline()))

    asyncio.run(main())


def scenario_S108_when_it_is_too_late_to_move():
    async def main():
        loop = asyncio.get_running_loop()

        def reschedule(scope):
            return oracle.attempt(scope.reschedule, loop.time() + 3600)

        scope = asyncio.timeout(3600)
        say("before it is entered:", reschedule(scope))

        async with asyncio.timeout(3600) as scope:
            pass
        say("after its end:", reschedule(scope))

        async def expiring():
            async with asyncio.timeout(0.001) as scope:
                try:
                    await sleeps()
                finally:
                    say("while it expires:", reschedule(scope))

        say(await outcome_of(expiring()))

    asyncio.run(main())


def scenario_S109_busy_past_the_outer_deadline():
    async def main():
        async def inner():
            async with asyncio.timeout(0.001):
                await sleeps()

        async def outer():
            async with asyncio.timeout(0.05):
                say("inner:", await outcome_of(inner()))
                time.sleep(0.06)
                say("still running")
                await sleeps()

        say("outer:", await outcome_of(outer()))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S109_busy_past_both_deadlines():
    async def main():
        async def inner():
            async with asyncio.timeout(0.001):
                time.sleep(0.006)
                await sleeps()

        async def outer():
            async with asyncio.timeout(0.002):
                try:
                    await inner()
                except TimeoutError:
                    say("the inner raised")
                await sleeps()

        say("outer:", await outcome_of(outer()))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S110_used_once():
    async def main():
        scope = asyncio.timeout(3600)

        async def use():
            async with scope:
                return "entered"

        say("first:", await outcome_of(use()))
        say("second:", await outcome_of(use()))

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
