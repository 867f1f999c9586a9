"""Tasks that make their first step inside create_task."""

import asyncio
import contextvars

import oracle
from oracle import Boom, outcome_of, say, say_differs


def eager(coroutine, *, name=None):
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), name=name, eager_start=True)


def scenario_S67_done_on_return():
    async def main():
        async def worker():
            return 42

        t = eager(worker())
        say("done", t.done(), "result", t.result())
        say("await", await t)

    asyncio.run(main())


def scenario_S67_failed_on_return():
    async def main():
        async def worker():
            raise Boom("eager")

        t = eager(worker())
        say("done", t.done())
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S67_runs_to_its_first_suspension():
    async def main():
        order = []

        async def child():
            order.append("child")

        async def worker():
            order.append("start")
            await child()
            await asyncio.sleep(0)
            order.append("end")

        t = eager(worker())
        order.append("created")
        say("at once", order, "done", t.done())
        await t
        say("later", order)

    asyncio.run(main())


def scenario_S68_current_task_and_all_tasks_during_the_step():
    async def main():
        asyncio.current_task().set_name("main")

        def tasks():
            return sorted(t.get_name() for t in asyncio.all_tasks())

        async def worker():
            say("current", asyncio.current_task().get_name(), "all", tasks())
            await asyncio.sleep(0)
            say("current", asyncio.current_task().get_name(), "all", tasks())

        t = eager(worker(), name="eager")
        say("current", asyncio.current_task().get_name(), "all", tasks())
        await t
        say("current", asyncio.current_task().get_name(), "all", tasks())

    asyncio.run(main())


def scenario_S68_nested_eager_tasks():
    async def main():
        asyncio.current_task().set_name("main")

        def current():
            return asyncio.current_task().get_name()

        async def inner():
            say("inner:", current())

        async def outer():
            say("outer before:", current())
            eager(inner(), name="inner")
            say("outer after:", current())

        eager(outer(), name="outer")
        say("main after:", current())

    asyncio.run(main())


def scenario_S69_the_context_does_not_leak():
    async def main():
        request = contextvars.ContextVar("request", default="none")

        async def worker():
            say("worker sees", request.get())
            request.set("by the worker")
            await asyncio.sleep(0)
            say("worker sees", request.get())

        request.set("by main")
        t = eager(worker())
        say("main sees", request.get())
        await t
        say("main sees", request.get())

    asyncio.run(main())


def scenario_S70_cancel_after_it_is_done():
    async def main():
        async def worker():
            return 42

        t = eager(worker())
        say("cancel", t.cancel())
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S70_cancel_after_it_has_blocked():
    async def main():
        order = []

        async def worker():
            try:
                await asyncio.sleep(3600)
            finally:
                order.append("cleaned up")

        t = eager(worker())
        say("cancel", t.cancel())
        say("await:", await outcome_of(t))
        say("ran", order)

    asyncio.run(main())


def scenario_S71_an_eager_child_of_a_group_fails():
    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        seen = []

        async def fail():
            raise Boom("eager")

        async def group():
            async with asyncio.TaskGroup() as g:
                loop.set_task_factory(asyncio.eager_task_factory)
                g.create_task(fail())
                loop.set_task_factory(None)
                seen.append(task.cancelling())
                seen.append(await outcome_of(asyncio.sleep(3600)))

        say("group:", await outcome_of(group()))
        why = "the parent is never cancelled inside create_task"
        say_differs("cancelling() right after create_task:", seen[0], cpython=("1", "0"), ours="0", why=why)
        say("the body:", seen[1])
        say("cancelling() after the group", task.cancelling())

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
