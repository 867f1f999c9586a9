"""gather: results in the order of the arguments, the first error at once, cancels for everybody."""

import asyncio

import oracle
from oracle import Boom, collect, outcome_of, reports, say, settle, turns


async def fails(name, after=0):
    await turns(after)
    raise Boom(name)


async def returns(value, after=0):
    await turns(after)
    return value


async def sleeps():
    await asyncio.sleep(3600)


def scenario_S72_results_in_the_order_of_the_arguments():
    async def main():
        order = []

        async def worker(name, after):
            await turns(after)
            order.append(name)
            return name

        say("results", await asyncio.gather(worker("a", 5), worker("b", 3), worker("c", 0)))
        say("finished", order)

    asyncio.run(main())


def scenario_S72_futures_tasks_and_coroutines():
    async def main():
        f = asyncio.get_running_loop().create_future()
        f.set_result(1)
        t = asyncio.create_task(returns(2))
        say("results", await asyncio.gather(f, t, returns(3)))

    asyncio.run(main())


def scenario_S73_the_first_exception_at_once():
    async def main():
        order = []

        async def slow():
            await turns(20)
            order.append("slow went on to its end")

        t = asyncio.create_task(slow())
        say("gather:", await outcome_of(asyncio.gather(t, fails("x", 2), returns(1))))
        say("slow done", t.done())
        await t
        say(order)

    asyncio.run(main())


def scenario_S74_later_exceptions_are_not_reported():
    async def main():
        seen = reports(asyncio.get_running_loop())
        say("gather:", await outcome_of(asyncio.gather(fails("first"), fails("second", 5))))
        await settle()
        collect()
        say("reported", seen)

    asyncio.run(main())


def scenario_S75_exceptions_and_cancellations_in_place():
    async def main():
        f = asyncio.get_running_loop().create_future()
        f.cancel()
        say("results", await asyncio.gather(returns(1, 3), fails("x"), f, returns(4), return_exceptions=True))

    asyncio.run(main())


def scenario_S76_a_child_is_cancelled():
    async def main():
        child = asyncio.create_task(sleeps())
        g = asyncio.ensure_future(asyncio.gather(returns(1), child))
        await settle()
        child.cancel()
        await settle()
        say("gather done", g.done(), "cancelled", g.cancelled())
        say("await:", await outcome_of(g))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


def scenario_S77_cancel_reaches_every_child_and_waits_for_them():
    async def main():
        order = []
        release = asyncio.get_running_loop().create_future()

        async def worker(name):
            try:
                await sleeps()
            except asyncio.CancelledError:
                order.append(name + " cancelled")
                await release
                order.append(name + " cleaned up")
                raise

        async def parent():
            try:
                await asyncio.gather(worker("a"), worker("b"))
            finally:
                order.append("gather ended")

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        await settle()
        say(order)
        release.set_result(None)
        say("parent:", await outcome_of(p))
        say(order)

    asyncio.run(main())


def scenario_S77_even_with_return_exceptions():
    async def main():
        async def parent():
            return await asyncio.gather(sleeps(), returns(1), return_exceptions=True)

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p))

    asyncio.run(main())


def scenario_S77_even_if_the_children_refuse():
    async def main():
        async def stubborn():
            try:
                await sleeps()
            except asyncio.CancelledError:
                return "survived"

        t = asyncio.create_task(stubborn())

        async def parent():
            return await asyncio.gather(t, stubborn())

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p))
        say("child:", await outcome_of(t))

    asyncio.run(main())


def scenario_S78_cancel_once_all_children_are_done():
    async def main():
        a = asyncio.get_running_loop().create_future()
        b = asyncio.get_running_loop().create_future()
        g = asyncio.ensure_future(asyncio.gather(a, b))
        await settle()
        a.set_result(1)
        b.set_result(2)
        say("children done: cancel", g.cancel())
        say("await:", await outcome_of(g))
        say("gather done: cancel", g.cancel())

    asyncio.run(main())


def scenario_S79_the_same_awaitable_twice():
    async def main():
        runs = []

        async def worker(name):
            runs.append(name)
            return name

        a = asyncio.create_task(worker("a"))
        b = asyncio.create_task(worker("b"))
        say("results", await asyncio.gather(a, b, a, a))
        say("ran", runs)

    asyncio.run(main())


def scenario_S80_nothing_to_gather():
    async def main():
        nothing = []
        say("results", await asyncio.gather(*nothing))

    asyncio.run(main())


def scenario_S80_futures_of_two_loops():
    async def main():
        other = asyncio.new_event_loop()
        a = asyncio.get_running_loop().create_future()
        b = other.create_future()

        async def mixed():
            return await asyncio.gather(a, b)

        say("gather:", await outcome_of(mixed()))
        other.close()

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
