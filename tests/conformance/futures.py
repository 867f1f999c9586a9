"""Futures: set once, callbacks through the loop, reports of exceptions nobody looked at."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import oracle
from oracle import Boom, attempt, collect, outcome_of, reports, say, settle, state, turns


def scenario_S31_set_once():
    async def main():
        loop = asyncio.get_running_loop()
        f = loop.create_future()
        say("done", f.done(), "cancelled", f.cancelled())
        say("result too early:", attempt(f.result))
        say("exception too early:", attempt(f.exception))
        f.set_result(42)
        say("done", f.done(), "cancelled", f.cancelled())
        say("result", attempt(f.result), "and again", attempt(f.result))
        say("exception", attempt(f.exception))
        say("set_result on done:", attempt(f.set_result, 43))
        say("set_exception on done:", attempt(f.set_exception, Boom("late")))
        say("cancel on done:", f.cancel())
        say("still", f.result())

    asyncio.run(main())


def scenario_S31_failed():
    async def main():
        f = asyncio.get_running_loop().create_future()
        f.set_exception(Boom("x"))
        say("done", f.done(), "cancelled", f.cancelled())
        say("result:", attempt(f.result))
        say("exception:", f.exception())
        say("set_result on failed:", attempt(f.set_result, 1))
        say("cancel on failed:", f.cancel())

    asyncio.run(main())


def scenario_S31_cancelled():
    async def main():
        f = asyncio.get_running_loop().create_future()
        say("cancel", f.cancel(), "again", f.cancel())
        say("done", f.done(), "cancelled", f.cancelled())
        say("result:", attempt(f.result))
        say("exception:", attempt(f.exception))
        say("set_result on cancelled:", attempt(f.set_result, 1))
        say("await:", await outcome_of(f))

    asyncio.run(main())


def scenario_S32_callbacks_are_scheduled_in_order():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        f = loop.create_future()
        f.add_done_callback(lambda f: order.append("first"))
        f.add_done_callback(lambda f: order.append("second"))
        loop.call_soon(order.append, "before")
        f.set_result(1)
        loop.call_soon(order.append, "after")
        say("at once", order)
        await turns(1)
        say("one turn later", order)

    asyncio.run(main())


def scenario_S32_callback_added_to_a_done_future():
    async def main():
        order = []
        f = asyncio.get_running_loop().create_future()
        f.set_result(7)
        f.add_done_callback(lambda f: order.append(f.result()))
        say("at once", order)
        await turns(1)
        say("one turn later", order)

    asyncio.run(main())


def scenario_S32_cancel_also_schedules_the_callbacks():
    async def main():
        order = []
        f = asyncio.get_running_loop().create_future()
        f.add_done_callback(lambda f: order.append(state(f)))
        f.cancel()
        say("at once", order)
        await turns(1)
        say("one turn later", order)

    asyncio.run(main())


def scenario_S33_remove_done_callback():
    async def main():
        order = []
        f = asyncio.get_running_loop().create_future()

        def a(f):
            order.append("a")

        def b(f):
            order.append("b")

        f.add_done_callback(a)
        f.add_done_callback(b)
        say("removed", f.remove_done_callback(a))
        say("removed again", f.remove_done_callback(a))
        f.set_result(1)
        say("too late", f.remove_done_callback(b))
        await turns(1)
        say("ran", order)

    asyncio.run(main())


def scenario_S33_a_callback_changes_the_list():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        f = loop.create_future()

        def second(f):
            order.append("second")

        def first(f):
            order.append("first")
            order.append(f"removed {f.remove_done_callback(second)}")
            f.add_done_callback(lambda f: order.append("third"))

        f.add_done_callback(first)
        f.add_done_callback(second)
        f.set_result(1)
        await turns(2)
        say("ran", order)

    asyncio.run(main())


def scenario_S34_a_throwing_callback_does_not_stop_the_others():
    async def main():
        loop = asyncio.get_running_loop()
        seen = reports(loop)
        order = []
        f = loop.create_future()

        def bad(f):
            order.append("bad")
            raise Boom("callback")

        f.add_done_callback(bad)
        f.add_done_callback(lambda f: order.append("good"))
        f.set_result(1)
        await turns(1)
        say("ran", order)
        say("reported", seen)

    asyncio.run(main())


def scenario_S35_an_exception_nobody_retrieved_is_reported_once():
    async def main():
        loop = asyncio.get_running_loop()
        seen = reports(loop)

        f = loop.create_future()
        f.set_exception(Boom("dropped"))
        g = f
        del f
        collect()
        say("one handle left", seen)
        del g
        collect()
        say("no handle left", seen)

    asyncio.run(main())


def scenario_S35_retrieved_in_any_way_is_silent():
    async def main():
        loop = asyncio.get_running_loop()
        seen = reports(loop)

        f = loop.create_future()
        f.set_exception(Boom("result"))
        attempt(f.result)

        f = loop.create_future()
        f.set_exception(Boom("exception"))
        say(f.exception())

        f = loop.create_future()
        f.set_exception(Boom("await"))
        await outcome_of(f)

        f = loop.create_future()
        f.cancel()

        del f
        collect()
        say("reported", seen)

    asyncio.run(main())


def scenario_S35_a_failed_task_nobody_awaited():
    async def main():
        seen = reports(asyncio.get_running_loop())

        async def fail():
            raise Boom("alone")

        t = asyncio.create_task(fail())
        await settle()
        say("handle kept", seen)
        del t
        collect()
        say("handle dropped", seen)

    asyncio.run(main())


def scenario_S36_a_dropped_pending_future_is_silent():
    async def main():
        loop = asyncio.get_running_loop()
        seen = reports(loop)
        f = loop.create_future()
        del f
        collect()
        await settle()
        say("reported", seen)

    asyncio.run(main())


def scenario_S37_what_is_ready_does_not_yield():
    async def main():
        loop = asyncio.get_running_loop()
        order = []

        async def child():
            return 1

        lock = asyncio.Lock()
        event = asyncio.Event()
        semaphore = asyncio.Semaphore(1)
        queue = asyncio.Queue(1)
        done = loop.create_future()
        done.set_result(2)
        finished = asyncio.create_task(child())
        await finished

        loop.call_soon(order.append, "another turn")
        say("coroutine", await child())
        say("future", await done)
        say("task", await finished)
        await lock.acquire()
        await semaphore.acquire()
        event.set()
        await event.wait()
        await queue.put(3)
        say("queue", await queue.get())
        say("others ran", order)
        await asyncio.sleep(0)
        say("after sleep(0)", order)

    asyncio.run(main())


def scenario_S38_a_future_of_another_loop():
    async def main():
        other = asyncio.new_event_loop()
        f = other.create_future()
        say("await:", await outcome_of(f))
        say("and the task goes on")
        other.close()

    asyncio.run(main())


def scenario_S39_a_task_that_awaits_itself():
    async def main():
        holder = []

        async def narcissus():
            return await outcome_of(holder[0])

        holder.append(asyncio.create_task(narcissus()))
        say("await:", await holder[0])

    asyncio.run(main())


def scenario_S40_cancelling_the_wait_for_a_pool_job():
    async def main():
        loop = asyncio.get_running_loop()
        started = threading.Event()
        release = threading.Event()
        ran = []

        def busy():
            started.set()
            release.wait()
            ran.append("busy")

        def queued():
            ran.append("queued")

        pool = ThreadPoolExecutor(1)
        first = loop.run_in_executor(pool, busy)
        second = loop.run_in_executor(pool, queued)
        third = loop.run_in_executor(pool, lambda: ran.append("third"))
        started.wait()
        say("cancel the one that waits for a thread", second.cancel())
        say("cancel the one that runs", first.cancel())
        say("second:", await outcome_of(second))
        say("first:", await outcome_of(first))
        await settle()
        release.set()
        await third
        say("ran", ran)
        pool.shutdown()

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
