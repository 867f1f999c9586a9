"""Cancelling tasks: requests are counted, delivered once at an await, and may be refused."""

import asyncio
import weakref

import oracle
from oracle import Boom, attempt, collect, outcome_of, say, say_differs, settle, since, state, turns


def scenario_S43_cancelled_before_its_first_step():
    async def main():
        order = []

        class Argument:
            pass

        async def worker(argument):
            try:
                order.append("body")
            finally:
                order.append("finally")

        argument = Argument()
        alive = weakref.ref(argument)
        t = asyncio.create_task(worker(argument))
        del argument
        say("cancel", t.cancel())
        say("await:", await outcome_of(t))
        say("ran", order)
        say("cancelled", t.cancelled())
        del t
        await turns(1)
        collect()
        say("argument released", alive() is None)

    asyncio.run(main())


def scenario_S44_requests_are_counted():
    async def main():
        async def worker():
            await asyncio.sleep(3600)

        t = asyncio.create_task(worker())
        await turns(1)
        say("cancelling", t.cancelling())
        say("cancel", t.cancel(), "cancelling", t.cancelling())
        say("cancel", t.cancel(), "cancelling", t.cancelling())
        await outcome_of(t)
        say("done", t.done(), "cancel", t.cancel(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S44_cancel_on_a_finished_task():
    async def main():
        async def worker():
            return 42

        t = asyncio.create_task(worker())
        await t
        say("cancel", t.cancel(), "cancelling", t.cancelling())
        say(state(t))

    asyncio.run(main())


def scenario_S45_cancelled_is_true_only_at_the_end():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def worker():
            try:
                await asyncio.sleep(3600)
            finally:
                await release

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("requested: cancelled", t.cancelled(), "done", t.done())
        await settle()
        say("cleaning up: cancelled", t.cancelled(), "done", t.done())
        release.set_result(None)
        await settle()
        say("ended: cancelled", t.cancelled(), "done", t.done())

    asyncio.run(main())


def scenario_S46_cancel_reaches_the_leaf_at_once():
    async def main():
        leaf = asyncio.get_running_loop().create_future()

        async def inner():
            await leaf

        async def child():
            await asyncio.create_task(inner())

        async def outer():
            await child()

        t = asyncio.create_task(outer())
        await settle()
        say("cancel", t.cancel())
        say("leaf cancelled", leaf.cancelled(), "task done", t.done())
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S46_the_exception_passes_through_the_frames_from_the_inside_out():
    async def main():
        order = []

        async def child():
            try:
                await asyncio.sleep(3600)
            finally:
                order.append("child")

        async def parent():
            try:
                await child()
            finally:
                order.append("parent")

        t = asyncio.create_task(parent())
        await settle()
        t.cancel()
        say("await:", await outcome_of(t))
        say("cleaned up", order)

    asyncio.run(main())


def scenario_S47_catching_ordinary_exceptions_does_not_catch_a_cancel():
    async def main():
        order = []

        async def worker():
            try:
                await asyncio.sleep(3600)
            except Exception:
                order.append("swallowed")

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("await:", await outcome_of(t))
        say("handler ran", order)

    asyncio.run(main())


def scenario_S48_a_task_may_refuse_to_die():
    async def main():
        async def worker():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return 42

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("await:", await outcome_of(t))
        say("cancelled", t.cancelled(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S48_one_request_is_one_throw():
    async def main():
        async def worker():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            return "went on"

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S48_an_exception_during_the_cleanup_replaces_the_cancel():
    async def main():
        async def worker():
            try:
                await asyncio.sleep(3600)
            finally:
                raise Boom("cleanup")

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        say("await:", await outcome_of(t))
        say("cancelled", t.cancelled())

    asyncio.run(main())


def scenario_S49_two_cancels_in_one_turn():
    async def main():
        caught = []

        async def worker():
            for _ in range(3):
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    caught.append("cancelled_error")

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        t.cancel()
        say("cancelling", t.cancelling())
        say("await:", await outcome_of(t))
        say("caught", caught)

    asyncio.run(main())


def scenario_S50_a_task_that_cancels_itself():
    async def main():
        order = []

        async def worker():
            asyncio.current_task().cancel()
            order.append("goes on")
            try:
                await asyncio.sleep(3600)
            finally:
                order.append("next await threw")

        t = asyncio.create_task(worker())
        say("await:", await outcome_of(t))
        say("ran", order)

    asyncio.run(main())


def scenario_S51_cancelled_at_the_end():
    async def main():
        async def worker():
            asyncio.current_task().cancel()
            return 42

        t = asyncio.create_task(worker())
        say("await:", await outcome_of(t))
        say("cancelled", t.cancelled())

    asyncio.run(main())


@since(3, 13)
def scenario_S52_uncancel_takes_the_request_back():
    async def main():
        async def worker():
            task = asyncio.current_task()
            task.cancel()
            say("cancelling", task.cancelling())
            say("uncancel", task.uncancel())
            await asyncio.sleep(0)
            return 42

        t = asyncio.create_task(worker())
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S52_one_of_two_requests_taken_back():
    async def main():
        async def worker():
            task = asyncio.current_task()
            task.cancel()
            task.cancel()
            say("uncancel", task.uncancel())
            await asyncio.sleep(0)
            return 42

        t = asyncio.create_task(worker())
        say("await:", await outcome_of(t))

    asyncio.run(main())


def scenario_S53_uncancel_after_the_end():
    async def main():
        async def worker():
            await asyncio.sleep(3600)

        t = asyncio.create_task(worker())
        await turns(1)
        t.cancel()
        await outcome_of(t)
        say("uncancel", t.uncancel(), "again", t.uncancel())
        say("cancelled", t.cancelled(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S54_cancelling_the_inner_future():
    async def main():
        f = asyncio.get_running_loop().create_future()

        async def worker():
            await f

        t = asyncio.create_task(worker())
        await turns(1)
        f.cancel()
        say("await:", await outcome_of(t))
        say("cancelled", t.cancelled(), "cancelling", t.cancelling())

    asyncio.run(main())


def scenario_S55_a_cancel_after_the_awaited_future_is_done():
    async def main():
        f = asyncio.get_running_loop().create_future()
        seen = []

        async def worker():
            seen.append(await outcome_of(f))
            seen.append(await outcome_of(asyncio.sleep(0, "slept")))

        t = asyncio.create_task(worker())
        await turns(1)
        f.set_result("value")
        say("cancel", t.cancel())
        await t
        why = "no value is lost, the cancel is thrown at the next suspension"
        say_differs("the await:", seen[0], cpython="cancelled_error", ours="value", why=why)
        say_differs("the next await:", seen[1], cpython="slept", ours="cancelled_error", why=why)

    asyncio.run(main())


def scenario_S55_a_cancel_after_the_awaited_task_is_done():
    async def main():
        seen = []

        async def child():
            await asyncio.sleep(0)
            return "value"

        c = asyncio.create_task(child())

        async def worker():
            seen.append(await outcome_of(c))
            seen.append(await outcome_of(asyncio.sleep(0, "slept")))

        t = asyncio.create_task(worker())
        c.add_done_callback(lambda c: t.cancel())
        await t
        why = "no value is lost, the cancel is thrown at the next suspension"
        say_differs("the await:", seen[0], cpython="cancelled_error", ours="value", why=why)
        say_differs("the next await:", seen[1], cpython="slept", ours="cancelled_error", why=why)

    asyncio.run(main())


def scenario_S55_the_value_was_the_last_thing_the_task_waited_for():
    async def main():
        f = asyncio.get_running_loop().create_future()

        async def worker():
            return await f

        t = asyncio.create_task(worker())
        await turns(1)
        f.set_result("value")
        t.cancel()
        say("await:", await outcome_of(t))
        say("the future has", state(f))

    asyncio.run(main())


def scenario_S56_cancelling_one_of_two_who_await_a_task():
    async def main():
        async def shared():
            await asyncio.sleep(3600)

        s = asyncio.create_task(shared())

        async def waiter():
            await s

        a = asyncio.create_task(waiter())
        b = asyncio.create_task(waiter())
        await settle()
        a.cancel()
        say("a:", await outcome_of(a))
        say("shared:", await outcome_of(s))
        say("b:", await outcome_of(b))

    asyncio.run(main())


def scenario_S57_the_message_arrives():
    async def main():
        def message(f, *args):
            try:
                f(*args)
            except asyncio.CancelledError as e:
                return e.args[0]

        async def worker():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as e:
                say("in the task:", e.args[0])
                raise

        async def cancelled_task():
            t = asyncio.create_task(worker())
            await turns(1)
            t.cancel("enough")
            await asyncio.wait([t])
            return t

        try:
            await (await cancelled_task())
        except asyncio.CancelledError as e:
            say("in the await:", e.args[0])
        say("in result():", message((await cancelled_task()).result))
        say("in exception():", message((await cancelled_task()).exception))

        f = asyncio.get_running_loop().create_future()
        f.cancel("no more")
        say("of a future, in result():", message(f.result))

    asyncio.run(main())


def scenario_S58_a_system_exit_while_a_cancel_is_handled():
    loop = asyncio.new_event_loop()

    async def worker():
        try:
            await asyncio.sleep(3600)
        finally:
            raise SystemExit(3)

    t = loop.create_task(worker())
    loop.call_soon(loop.stop)
    loop.run_forever()
    t.cancel()
    say("the loop:", attempt(loop.run_forever))
    say("the task: cancelled", t.cancelled(), state(t))
    loop.close()


if __name__ == "__main__":
    oracle.play(globals())
