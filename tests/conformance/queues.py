"""Queues: no item is lost to a cancel, join counts, shutdown ends both sides."""

import asyncio

import oracle
from oracle import attempt, outcome_of, say, settle, since, state


def scenario_S144_items_in_order_and_limits():
    async def main():
        queue = asyncio.Queue(2)
        say("get_nowait of an empty one:", attempt(queue.get_nowait))
        queue.put_nowait("a")
        await queue.put("b")
        say("size", queue.qsize(), "full", queue.full(), "empty", queue.empty(), "maxsize", queue.maxsize)
        say("put_nowait to a full one:", attempt(lambda: queue.put_nowait("c")))
        say(await queue.get(), queue.get_nowait(), "empty", queue.empty())

        lifo = asyncio.LifoQueue()
        priority = asyncio.PriorityQueue()
        for i in (2, 3, 1):
            lifo.put_nowait(i)
            priority.put_nowait(i)
        say("last in first out", [lifo.get_nowait() for _ in range(3)])
        say("by priority", [priority.get_nowait() for _ in range(3)])

    asyncio.run(main())


def scenario_S144_put_waits_and_get_waits():
    async def main():
        queue = asyncio.Queue(1)
        order = []

        async def producer():
            for i in range(3):
                await queue.put(i)
                order.append(f"put {i}")

        p = asyncio.create_task(producer())
        await settle()
        say("blocked after", order)
        for _ in range(3):
            order.append(f"got {await queue.get()}")
            await settle()
        await p
        say(order)

    asyncio.run(main())


def scenario_S144_a_cancelled_get_loses_no_item():
    async def main():
        queue = asyncio.Queue()

        async def get():
            return await queue.get()

        a = asyncio.create_task(get())
        b = asyncio.create_task(get())
        await settle()
        queue.put_nowait("item")
        a.cancel()
        say("a:", await outcome_of(a))
        say("b:", await outcome_of(b))
        say("left", queue.qsize())

    asyncio.run(main())


def scenario_S144_a_get_cancelled_before_the_put():
    async def main():
        queue = asyncio.Queue()

        async def get():
            return await queue.get()

        a = asyncio.create_task(get())
        b = asyncio.create_task(get())
        await settle()
        a.cancel()
        queue.put_nowait("item")
        say("a:", await outcome_of(a))
        say("b:", await outcome_of(b))

    asyncio.run(main())


def scenario_S144_the_only_get_is_cancelled_with_the_item_there():
    async def main():
        queue = asyncio.Queue()

        async def get():
            return await queue.get()

        a = asyncio.create_task(get())
        await settle()
        queue.put_nowait("item")
        a.cancel()
        say("a:", await outcome_of(a))
        say("left", queue.qsize(), queue.get_nowait())

    asyncio.run(main())


def scenario_S144_many_getters():
    async def main():
        queue = asyncio.Queue()
        got = []

        async def get(name):
            got.append(f"{name} {await queue.get()}")

        tasks = [asyncio.create_task(get(name)) for name in ("a", "b", "c", "d")]
        await settle()
        for i in range(3):
            queue.put_nowait(i)
        tasks[1].cancel()
        await settle()
        say("got", got, "left", queue.qsize())
        say([state(t) for t in tasks])

    asyncio.run(main())


def scenario_S145_a_cancelled_put_leaves_nothing():
    async def main():
        queue = asyncio.Queue(1)

        async def put(item):
            await queue.put(item)

        await queue.put("first")
        a = asyncio.create_task(put("cancelled"))
        b = asyncio.create_task(put("second"))
        await settle()
        a.cancel()
        say("a:", await outcome_of(a), "size", queue.qsize())
        say(await queue.get())
        say(await queue.get())
        await settle()
        say("b:", state(b), "size", queue.qsize())

    asyncio.run(main())


def scenario_S145_a_put_cancelled_when_there_is_room():
    async def main():
        queue = asyncio.Queue(1)

        async def put(item):
            await queue.put(item)

        await queue.put("first")
        a = asyncio.create_task(put("cancelled"))
        b = asyncio.create_task(put("second"))
        await settle()
        say(queue.get_nowait())
        a.cancel()
        await settle()
        say("a:", state(a), "b:", state(b), "size", queue.qsize(), queue.get_nowait())

    asyncio.run(main())


def scenario_S146_join_counts():
    async def main():
        queue = asyncio.Queue()

        async def join():
            await queue.join()

        await join()
        say("an empty queue is joined at once")
        queue.put_nowait(1)
        queue.put_nowait(2)
        j = asyncio.create_task(join())
        await settle()
        say("2 of 2 unfinished:", state(j))
        queue.get_nowait()
        queue.get_nowait()
        queue.task_done()
        await settle()
        say("1 of 2 unfinished:", state(j))
        queue.task_done()
        await settle()
        say("finished, joined", j.done())
        say("one task_done too many:", attempt(queue.task_done))

    asyncio.run(main())


@since(3, 13)
def scenario_S147_shutdown_drains():
    async def main():
        queue = asyncio.Queue(2)

        async def put(item):
            await queue.put(item)

        async def join():
            await queue.join()

        async def get():
            return await queue.get()

        queue.put_nowait("a")
        queue.put_nowait("b")
        putter = asyncio.create_task(put("c"))
        joiner = asyncio.create_task(join())
        await settle()
        queue.shutdown()
        say("blocked put:", await outcome_of(putter))
        say("new put:", await outcome_of(put("d")), "put_nowait:", attempt(lambda: queue.put_nowait("e")))
        say("get:", await outcome_of(get()), "get:", await outcome_of(get()), "get:", await outcome_of(get()))
        say("get_nowait:", attempt(queue.get_nowait))
        await settle()
        say("join:", state(joiner))
        queue.task_done()
        queue.task_done()
        await settle()
        say("joined", joiner.done())

    asyncio.run(main())


@since(3, 13)
def scenario_S147_shutdown_of_an_empty_queue():
    async def main():
        queue = asyncio.Queue()

        async def get():
            return await queue.get()

        a = asyncio.create_task(get())
        b = asyncio.create_task(get())
        await settle()
        queue.shutdown()
        say("blocked gets:", await outcome_of(a), await outcome_of(b))
        await queue.join()
        say("joined")

    asyncio.run(main())


@since(3, 13)
def scenario_S148_shutdown_immediate():
    async def main():
        queue = asyncio.Queue()

        async def join():
            await queue.join()

        for item in ("in progress", "dropped", "dropped too"):
            queue.put_nowait(item)
        say(queue.get_nowait())
        joiner = asyncio.create_task(join())
        await settle()
        queue.shutdown(immediate=True)
        say("size", queue.qsize(), "get_nowait:", attempt(queue.get_nowait))
        await settle()
        say("one item in progress, join:", state(joiner))
        queue.task_done()
        await settle()
        say("joined", joiner.done())

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
