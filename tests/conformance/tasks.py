"""Tasks: when they start, which one is current, their context, and what is reported about forgotten ones."""

import asyncio
import contextvars

import oracle
from oracle import Boom, attempt, captured_log, collect, logged, outcome_of, say, settle, state, turns


def scenario_S42_create_task_runs_nothing_at_once():
    async def main():
        order = []

        async def worker(name):
            order.append(name)

        tasks = [asyncio.create_task(worker(name)) for name in ("a", "b", "c")]
        say("at once", order, "done", tasks[0].done())
        await turns(1)
        say("one turn later", order, "done", tasks[0].done())

    asyncio.run(main())


def scenario_S42_a_task_is_a_future():
    async def main():
        async def worker():
            await asyncio.sleep(0)
            return 42

        t = asyncio.create_task(worker(), name="worker")
        order = []
        t.add_done_callback(lambda t: order.append(state(t)))
        say("name", t.get_name())
        t.set_name("renamed")
        say("name", t.get_name())
        say("result too early:", attempt(t.result))
        say("await", await t)
        say("result", t.result())
        await turns(1)
        say("callback got", order)
        say("loop is the running one", t.get_loop() is asyncio.get_running_loop())

    asyncio.run(main())


def scenario_S42_an_exception_of_a_task():
    async def main():
        async def worker():
            await asyncio.sleep(0)
            raise Boom("x")

        t = asyncio.create_task(worker())
        say("await:", await outcome_of(t))
        say("await again:", await outcome_of(t))
        say("exception:", t.exception())
        say("cancelled", t.cancelled())

    asyncio.run(main())


def scenario_S59_a_task_sets_its_result_itself():
    async def main():
        async def worker():
            return 42

        t = asyncio.create_task(worker())
        say("set_result refused", attempt(t.set_result, 1) == "error")
        say("set_exception refused", attempt(t.set_exception, Boom("x")) == "error")
        say("await", await t)

    asyncio.run(main())


def scenario_S60_current_task():
    async def main():
        loop = asyncio.get_running_loop()
        seen = []

        def note(when):
            t = asyncio.current_task()
            seen.append(f"{when}: {t.get_name() if t else 'no task'}")

        async def child():
            note("in a child")

        async def worker():
            note("start")
            await asyncio.sleep(0)
            note("middle")
            await child()
            await asyncio.sleep(0)
            note("end")

        a = asyncio.create_task(worker(), name="a")
        b = asyncio.create_task(worker(), name="b")
        loop.call_soon(note, "in a callback")
        await a
        await b
        for line in seen:
            say(line)

    asyncio.run(main())


def scenario_S61_all_tasks_lists_the_unfinished():
    async def main():
        async def worker():
            await asyncio.sleep(0)

        def names():
            return sorted(t.get_name() for t in asyncio.all_tasks())

        asyncio.current_task().set_name("main")
        a = asyncio.create_task(worker(), name="a")
        b = asyncio.create_task(worker(), name="b")
        say("created", names())
        b.cancel()
        await turns(3)
        say("finished", names())
        say(state(a), state(b))

    asyncio.run(main())


def scenario_S61_a_pending_task_that_is_destroyed():
    with captured_log() as lines:
        loop = asyncio.new_event_loop()

        async def waits_forever():
            await loop.create_future()

        t = loop.create_task(waits_forever(), name="the-forgotten-one")
        loop.call_soon(loop.stop)
        loop.run_forever()
        say("pending", not t.done())
        loop.close()
        del t
        loop = None
        collect()
    say("reported as pending", logged(lines, "destroyed but it is pending"))
    say("with its name", logged(lines, "the-forgotten-one"))


def scenario_S62_a_task_has_a_copy_of_the_context():
    async def main():
        request = contextvars.ContextVar("request", default="none")
        seen = []

        async def worker():
            seen.append(request.get())
            request.set("by the worker")
            await asyncio.sleep(0)
            seen.append(request.get())

        request.set("by main")
        t = asyncio.create_task(worker())
        request.set("after create_task")
        await t
        say("worker saw", seen)
        say("main sees", request.get())

    asyncio.run(main())


def scenario_S62_an_awaited_coroutine_shares_the_context():
    async def main():
        request = contextvars.ContextVar("request", default="none")

        async def child():
            request.set("by the child")

        request.set("by main")
        await child()
        say("main sees", request.get())

    asyncio.run(main())


def scenario_S62_an_explicit_context_is_used_as_it_is():
    async def main():
        request = contextvars.ContextVar("request", default="none")
        seen = []

        async def worker():
            seen.append(request.get())
            request.set("by the worker")

        request.set("in the context")
        context = contextvars.copy_context()
        request.set("by main")
        await asyncio.create_task(worker(), context=context)
        await asyncio.create_task(worker(), context=context)
        say("workers saw", seen)
        say("main sees", request.get())

    asyncio.run(main())


def scenario_S62_a_callback_has_the_context_of_the_caller():
    async def main():
        request = contextvars.ContextVar("request", default="none")
        seen = []
        f = asyncio.get_running_loop().create_future()

        request.set("at call_soon")
        asyncio.get_running_loop().call_soon(lambda: seen.append(request.get()))
        request.set("at add_done_callback")
        f.add_done_callback(lambda f: seen.append(request.get()))
        request.set("at set_result")
        f.set_result(1)
        await turns(1)
        say("callbacks saw", seen)

    asyncio.run(main())


def scenario_S63_create_task_on_a_closed_loop():
    with captured_log() as lines:
        loop = asyncio.new_event_loop()
        loop.close()

        async def worker():
            pass

        say("create_task:", attempt(lambda: asyncio.ensure_future(worker(), loop=loop)))
        collect()
    say("reported as never awaited", logged(lines, "never awaited"))


def scenario_S64_a_coroutine_never_awaited_is_reported():
    with captured_log() as lines:

        async def forgotten():
            say("this never runs")

        coroutine = forgotten()
        del coroutine
        collect()
    say("reported", logged(lines, "never awaited"))
    say("with its name", logged(lines, "forgotten"))


def scenario_S65_a_coroutine_is_awaited_once():
    async def main():
        async def child():
            return 42

        coroutine = child()
        say("await:", await outcome_of(coroutine))
        say("await again gives 42:", await outcome_of(coroutine) == "42")

    asyncio.run(main())


def scenario_S66_debug_mode_knows_where_a_task_was_created():
    async def main():
        async def fail():
            raise Boom("nobody looks")

        def creator_of_the_task():
            return asyncio.create_task(fail())

        with captured_log() as lines:
            t = creator_of_the_task()
            await settle()
            del t
            collect()
        say("the error is logged", logged(lines, "nobody looks"))
        say("with the place of the creation", logged(lines, "tasks."))

    asyncio.run(main(), debug=True)


if __name__ == "__main__":
    oracle.play(globals())
