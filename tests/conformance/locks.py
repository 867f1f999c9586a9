"""Locks, events, conditions, semaphores and barriers: fair, and no grant is lost to a cancel."""

import asyncio

import oracle
from oracle import attempt, outcome_of, say, settle, since, state, turns


def scenario_S134_a_lock_is_first_in_first_out():
    async def main():
        lock = asyncio.Lock()
        order = []

        async def worker(name):
            async with lock:
                order.append(name)
                await asyncio.sleep(0)

        await lock.acquire()
        tasks = [asyncio.create_task(worker(name)) for name in ("a", "b", "c")]
        await settle()
        say("held by main", order)
        lock.release()
        for t in tasks:
            await t
        say("order", order, "locked", lock.locked())

    asyncio.run(main())


def scenario_S134_a_newcomer_does_not_overtake():
    async def main():
        lock = asyncio.Lock()
        order = []

        async def worker(name):
            async with lock:
                order.append(name)

        await lock.acquire()
        waiter = asyncio.create_task(worker("waiter"))
        await settle()
        lock.release()
        async with lock:
            order.append("newcomer")
        await waiter
        say("order", order)

    asyncio.run(main())


def scenario_S134_release_and_cancel_of_the_first_waiter_in_one_turn():
    async def main():
        async def play(cancel_first):
            lock = asyncio.Lock()
            order = []

            async def worker(name):
                async with lock:
                    order.append(name)
                    await turns(3)

            await lock.acquire()
            a, b, c = [asyncio.create_task(worker(name)) for name in ("a", "b", "c")]
            await settle()
            if cancel_first:
                a.cancel()
                lock.release()
            else:
                lock.release()
                a.cancel()
            await turns(2)
            say("woken", order)
            await settle()
            say("in the end", order, state(a), state(b), state(c), "locked", lock.locked())

        say("cancel, release")
        await play(True)
        say("release, cancel")
        await play(False)

    asyncio.run(main())


def scenario_S134_release_of_a_free_lock():
    async def main():
        say("release:", attempt(asyncio.Lock().release))

    asyncio.run(main())


def scenario_S135_granted_and_cancelled():
    async def main():
        lock = asyncio.Lock()

        async def worker():
            await lock.acquire()

        await lock.acquire()
        t = asyncio.create_task(worker())
        await settle()
        lock.release()
        t.cancel()
        say("worker:", await outcome_of(t))
        say("locked", lock.locked())

    asyncio.run(main())


def scenario_S136_set_and_clear_wakes_everybody():
    async def main():
        event = asyncio.Event()
        order = []

        async def worker(name):
            await event.wait()
            order.append(name)

        tasks = [asyncio.create_task(worker(name)) for name in ("a", "b")]
        await settle()
        event.set()
        event.clear()
        late = asyncio.create_task(worker("late"))
        await settle()
        say("woken", order, "set", event.is_set(), "late:", state(late))
        event.set()
        await late
        say("woken", order, "set", event.is_set())
        del tasks

    asyncio.run(main())


def scenario_S136_a_cancelled_waiter_of_an_event():
    async def main():
        event = asyncio.Event()

        async def worker():
            await event.wait()
            return "woken"

        a = asyncio.create_task(worker())
        b = asyncio.create_task(worker())
        await settle()
        a.cancel()
        event.set()
        say("a:", await outcome_of(a))
        say("b:", await outcome_of(b))

    asyncio.run(main())


def scenario_S137_a_cancelled_wait_holds_the_lock_again():
    async def main():
        condition = asyncio.Condition()
        order = []

        async def worker():
            await condition.acquire()
            try:
                await condition.wait()
            finally:
                order.append("locked: " + oracle.text(condition.locked()))
                condition.release()

        t = asyncio.create_task(worker())
        await settle()
        await condition.acquire()
        t.cancel("the reason")
        await settle()
        order.append("main releases")
        condition.release()
        try:
            await t
        except asyncio.CancelledError as e:
            say("worker: cancelled_error,", e.args[0])
        say(order, "locked", condition.locked())

    asyncio.run(main())


@since(3, 13)
def scenario_S138_a_notified_waiter_that_is_cancelled_passes_it_on():
    async def main():
        condition = asyncio.Condition()
        order = []

        async def worker(name):
            async with condition:
                await condition.wait()
                order.append(name)

        a, b = [asyncio.create_task(worker(name)) for name in ("a", "b")]
        await settle()
        async with condition:
            condition.notify(1)
            a.cancel()
        await settle()
        say("woken", order, "a:", state(a), "b:", state(b))
        say("locked", condition.locked())

    asyncio.run(main())


def scenario_S138_notify_wakes_in_order():
    async def main():
        condition = asyncio.Condition()
        order = []

        async def worker(name):
            async with condition:
                await condition.wait()
                order.append(name)

        tasks = [asyncio.create_task(worker(name)) for name in ("a", "b", "c", "d")]
        await settle()
        async with condition:
            condition.notify(2)
        await settle()
        say("notify(2)", order)
        async with condition:
            condition.notify_all()
        await settle()
        say("notify_all", order)
        del tasks

    asyncio.run(main())


def scenario_S138_wait_for_a_predicate():
    async def main():
        condition = asyncio.Condition()
        items = []

        async def worker():
            async with condition:
                await condition.wait_for(lambda: len(items) >= 2)
                return list(items)

        t = asyncio.create_task(worker())
        for i in range(3):
            await settle()
            async with condition:
                items.append(i)
                condition.notify()
        say("worker saw", await t)

    asyncio.run(main())


def scenario_S139_without_the_lock():
    async def main():
        condition = asyncio.Condition()

        async def wait():
            await condition.wait()

        say("wait:", await outcome_of(wait()))
        say("notify:", attempt(condition.notify))
        say("notify_all:", attempt(condition.notify_all))

    asyncio.run(main())


def scenario_S140_a_semaphore_is_first_in_first_out():
    async def main():
        semaphore = asyncio.Semaphore(1)
        order = []

        async def worker(name):
            await semaphore.acquire()
            order.append(name)

        await semaphore.acquire()
        a, b = [asyncio.create_task(worker(name)) for name in ("a", "b")]
        await settle()
        semaphore.release()
        say("locked for a newcomer", semaphore.locked())
        newcomer = asyncio.create_task(worker("newcomer"))
        await settle()
        semaphore.release()
        await settle()
        semaphore.release()
        await settle()
        say("order", order)
        say(state(a), state(b), state(newcomer))

    asyncio.run(main())


def scenario_S140_no_barging_in_the_turn_of_the_release():
    async def main():
        semaphore = asyncio.Semaphore(2)
        order = []

        async def worker(name):
            async with semaphore:
                order.append(name)
                await turns(2)

        await semaphore.acquire()
        await semaphore.acquire()
        tasks = [asyncio.create_task(worker(name)) for name in ("a", "b")]
        await settle()
        semaphore.release()
        semaphore.release()
        async with semaphore:
            order.append("newcomer")
        for t in tasks:
            await t
        say("order", order)

    asyncio.run(main())


def scenario_S141_a_cancelled_waiter_does_not_eat_a_release():
    async def main():
        async def play(cancel_first):
            semaphore = asyncio.Semaphore(0)
            order = []

            async def worker(name):
                await semaphore.acquire()
                order.append(name)

            a, b = [asyncio.create_task(worker(name)) for name in ("a", "b")]
            await settle()
            if cancel_first:
                a.cancel()
                semaphore.release()
            else:
                semaphore.release()
                a.cancel()
            await settle()
            say("acquired", order, "a:", state(a), "b:", state(b), "locked", semaphore.locked())

        say("cancel, release")
        await play(True)
        say("release, cancel")
        await play(False)

    asyncio.run(main())


def scenario_S141_a_cancelled_waiter_does_not_leak():
    async def main():
        semaphore = asyncio.Semaphore(1)

        async def worker():
            async with semaphore:
                await turns(2)

        await semaphore.acquire()
        tasks = [asyncio.create_task(worker()) for _ in range(4)]
        await settle()
        for t in tasks:
            t.cancel()
        semaphore.release()
        await settle()
        say("locked", semaphore.locked())
        await semaphore.acquire()
        say("acquired, locked", semaphore.locked())

    asyncio.run(main())


def scenario_S142_released_too_often():
    async def main():
        semaphore = asyncio.BoundedSemaphore(1)
        await semaphore.acquire()
        say("release:", attempt(semaphore.release))
        say("release again:", attempt(semaphore.release))
        say("a negative value:", attempt(lambda: asyncio.Semaphore(-1)))

    asyncio.run(main())


def scenario_S143_a_barrier_gives_every_task_its_index():
    async def main():
        barrier = asyncio.Barrier(3)
        indices = []

        async def worker():
            indices.append(await barrier.wait())

        tasks = [asyncio.create_task(worker()) for _ in range(2)]
        await settle()
        say("waiting", barrier.n_waiting, "of", barrier.parties, indices)
        tasks.append(asyncio.create_task(worker()))
        await settle()
        indices.sort()
        say("indices", indices, "waiting", barrier.n_waiting, "broken", barrier.broken)

    asyncio.run(main())


def scenario_S143_the_next_round():
    async def main():
        barrier = asyncio.Barrier(2)
        order = []

        async def worker(name):
            for round in (1, 2):
                await barrier.wait()
                order.append(f"round {round}")

        a, b = [asyncio.create_task(worker(name)) for name in ("a", "b")]
        await a
        await b
        say(order)

    asyncio.run(main())


def scenario_S143_cancelling_one_waiter_does_not_break_it():
    async def main():
        barrier = asyncio.Barrier(2)

        async def worker():
            await barrier.wait()
            return "passed"

        a = asyncio.create_task(worker())
        await settle()
        a.cancel()
        say("a:", await outcome_of(a), "waiting", barrier.n_waiting, "broken", barrier.broken)
        b = asyncio.create_task(worker())
        c = asyncio.create_task(worker())
        say("b:", await outcome_of(b), "c:", await outcome_of(c))

    asyncio.run(main())


def scenario_S143_reset_and_abort():
    async def main():
        barrier = asyncio.Barrier(2)

        async def worker():
            await barrier.wait()
            return "passed"

        a = asyncio.create_task(worker())
        await settle()
        await barrier.reset()
        say("reset:", await outcome_of(a), "broken", barrier.broken)
        b = asyncio.create_task(worker())
        await settle()
        await barrier.abort()
        say("abort:", await outcome_of(b), "broken", barrier.broken)
        say("wait:", await outcome_of(worker()))
        await barrier.reset()
        say("after a reset, broken", barrier.broken)

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
