"""wait and as_completed: they watch, they do not cancel."""

import asyncio

import oracle
from oracle import Boom, outcome_of, say, settle, since, state, turns


async def fails(name, after=0):
    await turns(after)
    raise Boom(name)


async def returns(value, after=0):
    await turns(after)
    return value


async def sleeps():
    await asyncio.sleep(3600)


def names(tasks):
    return sorted(t.get_name() for t in tasks)


def scenario_S81_nothing_to_wait_for():
    async def main():
        async def wait_for_nothing():
            await asyncio.wait([])

        say("wait:", await outcome_of(wait_for_nothing()))

    asyncio.run(main())


def scenario_S81_duplicates_collapse():
    async def main():
        a = asyncio.create_task(returns(1), name="a")
        b = asyncio.create_task(returns(2, 2), name="b")
        done, pending = await asyncio.wait([a, b, a, a])
        say("done", names(done), "pending", names(pending))

    asyncio.run(main())


def scenario_S82_a_timeout_neither_raises_nor_cancels():
    async def main():
        quick = asyncio.create_task(returns(1), name="quick")
        release = asyncio.get_running_loop().create_future()

        async def waits():
            return await release

        slow = asyncio.create_task(waits(), name="slow")
        done, pending = await asyncio.wait([quick, slow], timeout=0.002)
        say("done", names(done), "pending", names(pending))
        release.set_result(2)
        say("slow:", await outcome_of(slow))

    asyncio.run(main())


def scenario_S82_a_cancelled_wait_leaves_the_tasks_alone():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def waits():
            return await release

        t = asyncio.create_task(waits())

        async def waiter():
            await asyncio.wait([t])

        w = asyncio.create_task(waiter())
        await settle()
        w.cancel()
        say("waiter:", await outcome_of(w))
        say("task:", state(t), "cancelling", t.cancelling())
        release.set_result(1)
        say("task:", await outcome_of(t))

    asyncio.run(main())


def scenario_S83_first_exception():
    async def main():
        ok = asyncio.create_task(returns(1), name="ok")
        bad = asyncio.create_task(fails("x", 3), name="bad")
        slow = asyncio.create_task(sleeps(), name="slow")
        done, pending = await asyncio.wait([ok, bad, slow], return_when=asyncio.FIRST_EXCEPTION)
        say("done", names(done), "pending", names(pending))
        say(state(bad))

    asyncio.run(main())


def scenario_S83_a_cancelled_task_is_no_exception():
    async def main():
        cancelled = asyncio.create_task(sleeps(), name="cancelled")
        ok = asyncio.create_task(returns(1, 10), name="ok")
        cancelled.cancel()
        done, pending = await asyncio.wait([cancelled, ok], return_when=asyncio.FIRST_EXCEPTION)
        say("done", names(done), "pending", names(pending))

    asyncio.run(main())


def scenario_S83_one_that_has_already_failed():
    async def main():
        bad = asyncio.create_task(fails("x"), name="bad")
        slow = asyncio.create_task(sleeps(), name="slow")
        await settle()
        done, pending = await asyncio.wait([bad, slow], return_when=asyncio.FIRST_EXCEPTION)
        say("done", names(done), "pending", names(pending))
        say(state(bad))

    asyncio.run(main())


def scenario_S84_first_completed_may_return_several():
    async def main():
        a = asyncio.create_task(returns(1), name="a")
        b = asyncio.create_task(returns(2), name="b")
        slow = asyncio.create_task(sleeps(), name="slow")
        done, pending = await asyncio.wait([a, b, slow], return_when=asyncio.FIRST_COMPLETED)
        say("done", names(done), "pending", names(pending))

    asyncio.run(main())


def scenario_S84_first_completed_of_one():
    async def main():
        quick = asyncio.create_task(returns(1), name="quick")
        slow = asyncio.create_task(sleeps(), name="slow")
        done, pending = await asyncio.wait([slow, quick], return_when=asyncio.FIRST_COMPLETED)
        say("done", names(done), "pending", names(pending))

    asyncio.run(main())


def scenario_S85_in_the_order_of_completion():
    async def main():
        a = asyncio.create_task(returns("a", 9))
        b = asyncio.create_task(returns("b", 6))
        c = asyncio.create_task(returns("c", 3))
        results = []
        for first in asyncio.as_completed([a, b, c]):
            results.append(await first)
        say("results", results)

    asyncio.run(main())


def scenario_S85_the_first_awaited_gets_the_first_completed():
    async def main():
        a = asyncio.create_task(returns("a", 6))
        b = asyncio.create_task(returns("b", 3))
        waits = list(asyncio.as_completed([a, b]))
        say("the last one, awaited first:", await waits[1])
        say("the first one, awaited last:", await waits[0])

    asyncio.run(main())


def scenario_S85_errors_come_in_their_turn():
    async def main():
        a = asyncio.create_task(returns("a", 6))
        b = asyncio.create_task(fails("b", 3))
        for first in asyncio.as_completed([a, b]):
            say(await outcome_of(first))

    asyncio.run(main())


@since(3, 13)
def scenario_S86_the_tasks_themselves():
    async def main():
        a = asyncio.create_task(returns(1, 6), name="a")
        b = asyncio.create_task(returns(2, 3), name="b")
        async for t in asyncio.as_completed([a, b]):
            say(t.get_name(), state(t))

    asyncio.run(main())


def scenario_S87_a_timeout():
    async def main():
        quick = asyncio.create_task(returns("quick"))
        slow = asyncio.create_task(sleeps())
        await settle()
        for first in asyncio.as_completed([slow, quick], timeout=0.005):
            say(await outcome_of(first))
        say("slow:", state(slow), "cancelling", slow.cancelling())

    asyncio.run(main())


@since(3, 13)
def scenario_S87_left_and_resumed():
    async def main():
        a = asyncio.create_task(returns("a", 3))
        b = asyncio.create_task(returns("b", 6))
        c = asyncio.create_task(returns("c", 9))
        results = []
        completed = asyncio.as_completed([a, b, c])
        for first in completed:
            results.append(await first)
            break
        say("results", results)
        for first in completed:
            results.append(await first)
        say("results", results)

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
