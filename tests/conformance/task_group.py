"""task_group: no child outlives the block, no error is lost."""

import asyncio
import weakref

import oracle
from oracle import Boom, Strange, attempt, captured_log, collect, logged, outcome_of, say, settle, since, state, turns


async def fails(name, after=0):
    await turns(after)
    raise Boom(name)


async def returns(value, after=0):
    await turns(after)
    return value


async def sleeps():
    await asyncio.sleep(3600)


def scenario_S111_all_children_are_awaited():
    async def main():
        async with asyncio.TaskGroup() as g:
            a = g.create_task(returns(1, 3), name="a")
            b = g.create_task(returns(2, 6))
            say("in the body:", state(a), state(b), a.get_name())
        say("after it:", state(a), state(b))

    asyncio.run(main())


def scenario_S111_an_error_of_a_child_cancels_siblings_and_body():
    async def main():
        order = []

        async def sibling():
            try:
                await sleeps()
            finally:
                order.append("sibling cancelled")

        async def group():
            async with asyncio.TaskGroup() as g:
                g.create_task(sibling())
                g.create_task(fails("child", 3))
                try:
                    await sleeps()
                finally:
                    order.append("body cancelled")

        say("group:", await outcome_of(group()))
        order.sort()
        say(order)
        say("cancelling", asyncio.current_task().cancelling())
        say("the next await:", await outcome_of(asyncio.sleep(0, "slept")))

    asyncio.run(main())


def scenario_S111_all_errors_in_one_group():
    async def main():
        async def bad_cleanup():
            try:
                await sleeps()
            finally:
                raise Boom("cleanup")

        async def group():
            async with asyncio.TaskGroup() as g:
                g.create_task(bad_cleanup())
                g.create_task(fails("child", 3))
                g.create_task(returns(1))

        say("group:", await outcome_of(group()))

    asyncio.run(main())


def scenario_S112_the_parent_is_cancelled():
    async def main():
        order = []
        release = asyncio.get_running_loop().create_future()

        async def child():
            try:
                await sleeps()
            finally:
                order.append("cleaning up")
                await release
                order.append("cleaned up")

        async def parent():
            async with asyncio.TaskGroup() as g:
                g.create_task(child())
                await sleeps()

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        await settle()
        say("parent done", p.done(), order)
        release.set_result(None)
        say("parent:", await outcome_of(p), order)
        say("cancelled", p.cancelled(), "cancelling", p.cancelling())

    asyncio.run(main())


def scenario_S112_the_parent_is_cancelled_while_it_waits_at_the_end():
    async def main():
        order = []

        async def child():
            try:
                await sleeps()
            finally:
                order.append("child cancelled")

        async def parent():
            async with asyncio.TaskGroup() as g:
                g.create_task(child())

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p), order)

    asyncio.run(main())


def scenario_S113_an_error_wins_over_the_cancel_of_the_parent():
    async def main():
        async def child():
            try:
                await sleeps()
            finally:
                raise Boom("cleanup")

        async def parent():
            async with asyncio.TaskGroup() as g:
                g.create_task(child())
                await sleeps()

        p = asyncio.create_task(parent())
        await settle()
        p.cancel()
        say("parent:", await outcome_of(p))
        say("cancelled", p.cancelled())

    asyncio.run(main())


def scenario_S114_an_error_in_the_body():
    async def main():
        order = []

        async def child():
            try:
                await sleeps()
            finally:
                order.append("child cancelled")

        async def group():
            async with asyncio.TaskGroup() as g:
                g.create_task(child())
                await turns(2)
                raise Boom("body")

        async def empty():
            async with asyncio.TaskGroup():
                raise Boom("alone")

        say("group:", await outcome_of(group()), order)
        say("without children:", await outcome_of(empty()))

    asyncio.run(main())


def scenario_S114_an_error_in_the_body_and_one_in_a_child():
    async def main():
        async def child():
            try:
                await sleeps()
            finally:
                raise Boom("cleanup")

        async def group():
            async with asyncio.TaskGroup() as g:
                g.create_task(child())
                await turns(2)
                raise Boom("body")

        say("group:", await outcome_of(group()))

    asyncio.run(main())


def scenario_S115_a_cancelled_child_is_no_error():
    async def main():
        async with asyncio.TaskGroup() as g:
            a = g.create_task(sleeps())
            b = g.create_task(returns(2, 3))
            await turns(1)
            a.cancel()
        say("children:", state(a), state(b))

    asyncio.run(main())


def scenario_S116_groups_of_groups():
    async def main():
        async def inner():
            async with asyncio.TaskGroup() as g:
                g.create_task(fails("inner"))

        async def outer():
            async with asyncio.TaskGroup() as g:
                g.create_task(inner())

        async def body_of_outer():
            async with asyncio.TaskGroup() as g:
                g.create_task(sleeps())
                await inner()

        say("in a child:", await outcome_of(outer()))
        say("in the body:", await outcome_of(body_of_outer()))

    asyncio.run(main())


def scenario_S117_a_system_exit_in_the_body_is_not_grouped():
    async def main():
        order = []

        async def child():
            try:
                await sleeps()
            finally:
                order.append("child cancelled")

        async def group(error):
            async with asyncio.TaskGroup() as g:
                g.create_task(child())
                await turns(2)
                raise error

        say("system_exit:", await outcome_of(group(SystemExit(3))), order)
        say("keyboard_interrupt:", await outcome_of(group(KeyboardInterrupt())))
        say("another one:", await outcome_of(group(Strange())))

    asyncio.run(main())


def scenario_S118_children_of_children_while_the_group_exits():
    async def main():
        order = []

        async def grandchild():
            await turns(3)
            order.append("grandchild")

        async def child(g):
            await turns(3)
            g.create_task(grandchild())
            order.append("child")

        async with asyncio.TaskGroup() as g:
            g.create_task(child(g))
            order.append("body")
        say(order)

    asyncio.run(main())


@since(3, 13)
def scenario_S118_create_task_refused():
    async def main():
        async def never():
            say("this never runs")

        with captured_log() as lines:
            say("not entered:", attempt(lambda: asyncio.TaskGroup().create_task(never())))

            async with asyncio.TaskGroup() as finished:
                pass
            say("finished:", attempt(lambda: finished.create_task(never())))

            async def aborting():
                async with asyncio.TaskGroup() as g:
                    g.create_task(fails("child"))
                    try:
                        await sleeps()
                    finally:
                        say("aborting:", attempt(lambda: g.create_task(never())))

            say("group:", await outcome_of(aborting()))
        say("reported as never awaited", logged(lines, "never awaited"))

    asyncio.run(main())


def scenario_S119_a_finished_child_is_forgotten():
    async def main():
        class Result:
            pass

        alive = None

        async def child():
            nonlocal alive
            result = Result()
            alive = weakref.ref(result)
            return result

        async with asyncio.TaskGroup() as g:
            g.create_task(child())
            await settle()
            collect()
            say("in the body, its result is alive:", alive() is not None)

    asyncio.run(main())


def scenario_S120_the_count_is_restored():
    async def main():
        async def worker():
            task = asyncio.current_task()
            try:
                await sleeps()
            except asyncio.CancelledError:
                pass
            say("before", task.cancelling())

            async def group():
                async with asyncio.TaskGroup() as g:
                    g.create_task(fails("child"))
                    await sleeps()

            say("group:", await outcome_of(group()))
            say("after", task.cancelling())

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        await outcome_of(t)

    asyncio.run(main())


@since(3, 13)
def scenario_S121_inner_and_outer_fail_together():
    async def main():
        task = asyncio.current_task()

        async def outer():
            async with asyncio.TaskGroup() as outer_group:

                async def inner():
                    async with asyncio.TaskGroup() as inner_group:
                        inner_group.create_task(fails("inner"))
                        outer_group.create_task(fails("outer"))

                say("inner:", await outcome_of(inner()))
                say("cancelling", task.cancelling())

        say("outer:", await outcome_of(outer()))
        say("cancelling", task.cancelling())

    asyncio.run(main())


@since(3, 13)
def scenario_S122_an_error_and_a_cancel_from_outside():
    async def main():
        started = asyncio.get_running_loop().create_future()

        async def child():
            started.set_result(None)
            await asyncio.sleep(0)
            raise Boom("child")

        async def worker():
            task = asyncio.current_task()

            async def group():
                async with asyncio.TaskGroup() as g:
                    g.create_task(child())
                    await sleeps()

            say("group:", await outcome_of(group()))
            say("cancelling", task.cancelling())
            say("the next await:", await outcome_of(sleeps()))

        t = asyncio.create_task(worker())
        await started
        t.cancel()
        await t

    asyncio.run(main())


def scenario_S123_used_once():
    async def main():
        g = asyncio.TaskGroup()

        async def use():
            async with g:
                return "entered"

        say("first:", await outcome_of(use()))
        say("second:", await outcome_of(use()))

    asyncio.run(main())


def scenario_S124_a_timeout_around_a_group():
    async def main():
        async def bad_cleanup():
            try:
                await sleeps()
            finally:
                raise Boom("cleanup")

        async def both(child):
            async with asyncio.timeout(0.001):
                async with asyncio.TaskGroup() as g:
                    g.create_task(child)

        say("the child fails in its cleanup:", await outcome_of(both(bad_cleanup())))
        say("it does not:", await outcome_of(both(sleeps())))
        say("cancelling", asyncio.current_task().cancelling())

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
