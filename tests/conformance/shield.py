"""shield: cancelling the shield leaves the shielded alone."""

import asyncio

import oracle
from oracle import Boom, collect, outcome_of, reports, say, say_differs, settle, state, turns


def scenario_S88_cancelling_the_outer_leaves_the_inner():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def worker():
            return await release

        inner = asyncio.create_task(worker())
        outer = asyncio.shield(inner)
        await turns(1)
        say("cancel", outer.cancel())
        say("outer:", await outcome_of(outer))
        say("inner:", state(inner), "cancelling", inner.cancelling())
        release.set_result(42)
        say("inner:", await outcome_of(inner))

    asyncio.run(main())


def scenario_S88_cancelling_the_task_that_awaits_the_shield():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def worker():
            return await release

        inner = asyncio.create_task(worker())

        async def waiter():
            return await asyncio.shield(inner)

        t = asyncio.create_task(waiter())
        await settle()
        t.cancel()
        say("waiter:", await outcome_of(t))
        say("inner:", state(inner), "cancelling", inner.cancelling())
        release.set_result(42)
        say("inner:", await outcome_of(inner))

    asyncio.run(main())


def scenario_S88_the_value_passes():
    async def main():
        async def worker():
            await turns(2)
            return 42

        async def fail():
            await turns(2)
            raise Boom("x")

        say("shield:", await outcome_of(asyncio.shield(worker())))
        say("shield:", await outcome_of(asyncio.shield(fail())))

    asyncio.run(main())


def scenario_S88_it_takes_longer_than_expected():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def download():
            return await release

        t = asyncio.create_task(download())
        try:
            say(await asyncio.wait_for(asyncio.shield(t), 0.001))
        except TimeoutError:
            say("it takes longer than expected")
            release.set_result("the file")
            say(await t)

    asyncio.run(main())


def scenario_S89_cancelling_the_inner_cancels_the_outer():
    async def main():
        inner = asyncio.get_running_loop().create_future()
        outer = asyncio.shield(inner)
        inner.cancel()
        say("outer:", await outcome_of(outer))
        say("outer cancelled", outer.cancelled())

    asyncio.run(main())


def scenario_S89_a_done_inner_is_returned_directly():
    async def main():
        order = []
        inner = asyncio.get_running_loop().create_future()
        inner.set_result(42)
        asyncio.get_running_loop().call_soon(order.append, "another turn")
        say("shield:", await outcome_of(asyncio.shield(inner)))
        say("others ran", order)

    asyncio.run(main())


def scenario_S89_gather_of_shields():
    async def main():
        a = asyncio.get_running_loop().create_future()
        b = asyncio.get_running_loop().create_future()

        async def parent():
            return await asyncio.gather(asyncio.shield(a), asyncio.shield(b))

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p))
        say("inner:", state(a), state(b))
        a.set_result(1)
        b.set_result(2)
        say("gather:", await asyncio.gather(asyncio.shield(a), asyncio.shield(b)))

    asyncio.run(main())


def scenario_S89_shield_of_a_gather():
    async def main():
        a = asyncio.get_running_loop().create_future()
        b = asyncio.get_running_loop().create_future()

        async def parent():
            return await asyncio.shield(asyncio.gather(a, b))

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p))
        say("inner:", state(a), state(b))
        a.set_result(1)
        b.set_result(2)
        await settle()

    asyncio.run(main())


def scenario_S90_an_exception_after_the_outer_was_cancelled():
    async def main():
        seen = reports(asyncio.get_running_loop())
        inner = asyncio.get_running_loop().create_future()
        outer = asyncio.shield(inner)
        await turns(1)
        outer.cancel()
        await settle()
        inner.set_exception(Boom("too late"))
        await settle()
        why = "reported when the last handle dies (CPython 3.13); 3.14 reports at once"
        say_differs("while somebody holds it:", seen, cpython=("[]", "[boom too late]"), ours="[]", why=why)
        del inner
        collect()
        say("after that:", seen)

    asyncio.run(main())


def scenario_S90_an_exception_that_somebody_looks_at_later():
    async def main():
        seen = reports(asyncio.get_running_loop())
        inner = asyncio.get_running_loop().create_future()
        outer = asyncio.shield(inner)
        await turns(1)
        outer.cancel()
        await settle()
        inner.set_exception(Boom("too late"))
        await settle()
        say("inner:", await outcome_of(inner))
        del inner
        collect()
        why = "somebody looked at it (CPython 3.13); 3.14 reports at once"
        say_differs("reported:", seen, cpython=("[]", "[boom too late]"), ours="[]", why=why)

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
