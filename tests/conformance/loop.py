"""The event loop: order of callbacks, timers, descriptors, signals; stop, close, exception handler, debug mode."""

import asyncio
import contextvars
import math
import os
import signal
import socket
import threading
import time

import oracle
from oracle import ANYTHING, Boom, attempt, captured_log, logged, outcome_of, say, say_differs, since, turns

HOUR = 3600.0


def scenario_S1_call_soon_is_first_in_first_out():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        for i in range(0, 6, 2):
            loop.call_soon(order.append, i)
            loop.call_soon_threadsafe(order.append, i + 1)
        say("at once", order)
        await turns(1)
        say("one turn later", order)

    asyncio.run(main())


def scenario_S2_a_callback_of_a_callback_runs_in_the_next_turn():
    async def main():
        loop = asyncio.get_running_loop()
        order = []

        def outer():
            order.append("outer")
            loop.call_soon(order.append, "inner")

        loop.call_soon(outer)
        loop.call_soon(order.append, "neighbour")
        await turns(1)
        say("one turn", order)
        await turns(1)
        say("two turns", order)

    asyncio.run(main())


def scenario_S3_ready_then_timers():
    async def main():
        loop = asyncio.get_running_loop()
        order = []

        def prepare():
            loop.call_later(-1, order.append, "timer")
            loop.call_soon(order.append, "ready")

        loop.call_soon(prepare)
        await turns(3)
        say("order", order)

    asyncio.run(main())


def scenario_S3_descriptors_then_timers():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        a, b = socket.socketpair()
        done = loop.create_future()

        def readable():
            order.append("descriptor")
            loop.remove_reader(a)

        def timer():
            order.append("timer")
            done.set_result(None)

        loop.call_later(0.001, timer)
        loop.add_reader(a, readable)
        b.send(b"x")
        time.sleep(0.003)  # both are due when the loop looks next
        await done
        say("order", order)
        a.close()
        b.close()

    asyncio.run(main())


def scenario_S4_sleep_0_yields_one_turn():
    async def main():
        loop = asyncio.get_running_loop()
        order = []

        def outer():
            order.append("issued before")
            loop.call_soon(order.append, "its child")

        loop.call_soon(outer)
        await asyncio.sleep(0)
        say("after one sleep(0)", order)
        await asyncio.sleep(0)
        say("after two", order)
        say("sleep with a result", await asyncio.sleep(0, 42))

    asyncio.run(main())


@since(3, 13)
def scenario_S5_sleep_of_a_negative_delay_and_of_nan():
    async def main():
        loop = asyncio.get_running_loop()
        order = []

        def outer():
            order.append("issued before")
            loop.call_soon(order.append, "its child")

        loop.call_soon(outer)
        await asyncio.sleep(-1)
        say("after sleep(-1)", order)
        await turns(1)
        say("sleep(nan):", await outcome_of(asyncio.sleep(math.nan)))

    asyncio.run(main())


def scenario_S5_a_cancelled_sleep():
    async def main():
        t = asyncio.create_task(asyncio.sleep(HOUR))
        await turns(1)
        t.cancel()
        say("await:", await outcome_of(t))

    asyncio.run(main())
    say("and run did not wait for the hour")


def scenario_S6_negative_delays_run_in_order_of_their_deadlines():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        loop.call_later(-1, order.append, -1)
        loop.call_later(-3, order.append, -3)
        loop.call_later(-2, order.append, -2)
        await turns(2)
        say("order", order)

    asyncio.run(main())


def scenario_S6_timers_run_in_order_of_their_deadlines():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        now = loop.time()
        last = loop.create_future()
        loop.call_at(now + 0.003, order.append, 3)
        loop.call_at(now + 0.001, order.append, 1)
        loop.call_at(now + 0.004, last.set_result, None)
        loop.call_at(now + 0.002, order.append, 2)
        await last
        say("order", order)

    asyncio.run(main())


def scenario_S7_equal_deadlines():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        now = loop.time()
        for i in range(6):
            loop.call_at(now, order.append, i)
        await turns(2)
        say_differs("order", order, cpython=ANYTHING, ours="[0, 1, 2, 3, 4, 5]", why="equal deadlines are FIFO")

    asyncio.run(main())


def scenario_S8_a_sleep_is_not_too_short():
    async def main():
        loop = asyncio.get_running_loop()
        short = 0
        for _ in range(5):
            start = loop.time()
            await asyncio.sleep(0.002)
            if loop.time() - start < 0.002 - 0.0005:
                short += 1
        say("too short", short)

    asyncio.run(main())


def scenario_S9_a_cancelled_handle_never_runs():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        handles = []

        def killer():
            order.append("killer")
            handles[0].cancel()

        loop.call_soon(killer)
        handles.append(loop.call_soon(order.append, "victim in the same turn"))
        timer = loop.call_later(-1, order.append, "cancelled timer")
        timer.cancel()
        await turns(3)
        say("ran", order)
        say("cancelled", handles[0].cancelled(), timer.cancelled())

    asyncio.run(main())


def scenario_S10_cancelled_timers_do_not_hurt_the_others():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        now = loop.time()
        handles = [loop.call_at(now + 0.001 + i * 1e-6, order.append, i) for i in range(400)]
        for i, handle in enumerate(handles):
            if i % 100:
                handle.cancel()
        await asyncio.sleep(0.005)
        say("ran", order)

    asyncio.run(main())


def scenario_S11_stop_finishes_the_turn():
    loop = asyncio.new_event_loop()
    order = []

    def stopper():
        order.append("stopper")
        loop.stop()
        loop.call_soon(order.append, "next turn")

    loop.call_soon(stopper)
    loop.call_soon(order.append, "same turn")
    loop.run_forever()
    say("first run", order)
    loop.stop()
    loop.run_forever()
    say("second run", order)
    loop.close()


def scenario_S11_stop_before_run_forever():
    loop = asyncio.new_event_loop()
    order = []
    loop.call_soon(order.append, "ready")
    loop.call_later(HOUR, order.append, "in an hour")
    loop.stop()
    loop.run_forever()
    say("ran", order)
    loop.close()


def scenario_S12_a_descriptor_event_is_not_delivered_twice():
    loop = asyncio.new_event_loop()
    order = []
    a, b = socket.socketpair()
    c, d = socket.socketpair()

    def readable(name, s):
        s.recv(1)
        order.append(name)
        loop.stop()

    loop.add_reader(a, readable, "event", a)
    loop.add_reader(c, readable, "event", c)
    b.send(b"x")
    d.send(b"x")
    loop.run_forever()
    say("first run", order)
    loop.call_soon(loop.stop)
    loop.run_forever()
    say("second run", order)
    loop.remove_reader(a)
    loop.remove_reader(c)
    loop.close()
    for s in (a, b, c, d):
        s.close()


def scenario_S13_stopped_before_the_future_completed():
    loop = asyncio.new_event_loop()

    async def work():
        loop.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return 42

    t = loop.create_task(work())
    say("run_until_complete:", attempt(loop.run_until_complete, t))
    say("task done", t.done())
    say("again:", attempt(loop.run_until_complete, t))
    loop.close()


def scenario_S14_a_loop_inside_a_loop():
    async def main():
        loop = asyncio.get_running_loop()
        f = loop.create_future()
        say("the same loop:", attempt(loop.run_until_complete, f))
        other = asyncio.new_event_loop()
        g = other.create_future()
        say("another loop:", attempt(other.run_until_complete, g))
        other.close()
        say("still running", loop.is_running())

    asyncio.run(main())


def scenario_S15_a_future_of_another_loop():
    one = asyncio.new_event_loop()
    other = asyncio.new_event_loop()
    f = other.create_future()
    say("run_until_complete:", attempt(one.run_until_complete, f))
    one.close()
    other.close()


def scenario_S16_a_system_exit_leaves_the_loop():
    loop = asyncio.new_event_loop()

    async def fatal():
        raise SystemExit(3)

    def bad():
        raise SystemExit(3)

    async def value():
        await asyncio.sleep(0)
        return 42

    say("from a task:", attempt(lambda: loop.run_until_complete(fatal())))
    loop.call_soon(bad)
    say("from a callback:", attempt(loop.run_forever))
    say("running", loop.is_running())
    say("the loop can be used:", attempt(lambda: loop.run_until_complete(value())))
    loop.close()


def scenario_S17_close():
    loop = asyncio.new_event_loop()
    seen = []
    loop.call_soon(lambda: seen.append(attempt(loop.close)))
    loop.stop()
    loop.run_forever()
    say("close while running:", seen)
    say("closed", loop.is_closed())
    loop.close()
    say("closed", loop.is_closed())
    say("a second close:", attempt(loop.close))

    def nothing():
        pass

    say("call_soon:", attempt(loop.call_soon, nothing))
    say("call_soon_threadsafe:", attempt(loop.call_soon_threadsafe, nothing))
    say("call_later:", attempt(loop.call_later, 1, nothing))
    say("call_at:", attempt(loop.call_at, 1, nothing))
    say("run_forever:", attempt(loop.run_forever))
    say("run_in_executor:", attempt(loop.run_in_executor, None, nothing))


def scenario_S18_descriptors_of_a_closed_loop():
    loop = asyncio.new_event_loop()
    a, b = socket.socketpair()
    loop.add_reader(a, lambda: None)
    loop.remove_reader(a)
    loop.close()
    say("remove_reader:", attempt(loop.remove_reader, a))
    say("remove_writer:", attempt(loop.remove_writer, a))
    say("add_reader:", attempt(loop.add_reader, a, lambda: None))
    say("add_writer:", attempt(loop.add_writer, a, lambda: None))
    a.close()
    b.close()


def scenario_S19_an_exception_in_a_callback():
    async def main():
        loop = asyncio.get_running_loop()
        contexts = []
        loop.set_exception_handler(lambda loop, context: contexts.append(context))
        order = []

        def bad():
            raise Boom("callback")

        loop.call_soon(bad)
        loop.call_soon(order.append, "the next callback")
        await turns(1)
        say("ran", order)
        say("reports", len(contexts))
        say("with a message", contexts[0]["message"] != "")
        say("with the exception", contexts[0]["exception"])

    asyncio.run(main())


def scenario_S19_without_a_handler_it_is_logged():
    async def main():
        loop = asyncio.get_running_loop()

        def bad():
            raise Boom("lonely")

        with captured_log() as lines:
            loop.call_soon(bad)
            await turns(1)
        say("logged", logged(lines, "lonely"))
        say("and the loop goes on")

    asyncio.run(main())


def scenario_S20_an_exception_handler_that_throws():
    async def main():
        loop = asyncio.get_running_loop()

        def broken(loop, context):
            raise Boom("handler")

        def bad():
            raise Boom("original trouble")

        with captured_log() as lines:
            loop.set_exception_handler(broken)
            loop.call_soon(bad)
            await turns(1)
        say("the original is logged", logged(lines, "original trouble"))
        say("and the loop goes on")

    asyncio.run(main())


def scenario_S21_the_handler_runs_in_the_context_of_the_handle():
    async def main():
        loop = asyncio.get_running_loop()
        request = contextvars.ContextVar("request", default="none")
        seen = []
        loop.set_exception_handler(lambda loop, context: seen.append(request.get()))

        def bad():
            raise Boom("x")

        request.set("first")
        loop.call_soon(bad)
        request.set("second")
        await turns(1)
        say("handler saw", seen)
        say("caller sees", request.get())

    asyncio.run(main())


def scenario_S22_call_soon_threadsafe_wakes_the_loop():
    async def main():
        loop = asyncio.get_running_loop()
        f = loop.create_future()

        def other():
            time.sleep(0.005)
            loop.call_soon_threadsafe(f.set_result, 42)

        thread = threading.Thread(target=other)
        thread.start()
        say("woken with", await f)
        thread.join()

    asyncio.run(main())


def scenario_S23_debug_mode_refuses_a_foreign_thread():
    async def main():
        loop = asyncio.get_running_loop()
        seen = []

        def nothing():
            pass

        def other():
            seen.append(attempt(loop.call_soon, nothing))
            seen.append(attempt(loop.call_later, 1, nothing))
            seen.append(attempt(loop.call_at, 1, nothing))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        say("call_soon, call_later, call_at:", seen)

    asyncio.run(main(), debug=True)


def scenario_S25_debug_mode_logs_a_slow_step():
    async def main():
        loop = asyncio.get_running_loop()

        async def sluggish():
            time.sleep(0.02)

        with captured_log() as lines:
            loop.slow_callback_duration = 0.01
            await asyncio.create_task(sluggish(), name="the-slow-one")
        say("the slow task is named", logged(lines, "the-slow-one"))

    asyncio.run(main(), debug=True)


def scenario_S25_no_debug_mode_no_log():
    async def main():
        loop = asyncio.get_running_loop()

        async def sluggish():
            time.sleep(0.02)

        with captured_log() as lines:
            loop.slow_callback_duration = 0.01
            await asyncio.create_task(sluggish(), name="the-slow-one")
        say("the slow task is named", logged(lines, "the-slow-one"))

    asyncio.run(main(), debug=False)


def scenario_S26_the_environment_turns_debug_on():
    async def debug():
        return asyncio.get_running_loop().get_debug()

    say("by default", asyncio.run(debug()))
    os.environ["PYTHONASYNCIODEBUG"] = "1"
    say("by the environment", asyncio.run(debug()))
    say("an explicit no wins", asyncio.run(debug(), debug=False))
    del os.environ["PYTHONASYNCIODEBUG"]
    say("an explicit yes", asyncio.run(debug(), debug=True))


def scenario_S27_add_reader_replaces_the_reader_and_keeps_the_writer():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        a, b = socket.socketpair()

        def once(name, remove):
            order.append(name)
            remove(a)

        say("remove_reader of an unknown descriptor", loop.remove_reader(a))
        say("remove_writer of an unknown descriptor", loop.remove_writer(a))
        loop.add_writer(a, once, "writer", loop.remove_writer)
        loop.add_reader(a, once, "old reader", loop.remove_reader)
        loop.add_reader(a, once, "new reader", loop.remove_reader)
        b.send(b"x")
        await asyncio.sleep(0.002)
        order.sort()
        say("ran", order)
        say("remove_reader", loop.remove_reader(a))
        loop.add_reader(a, order.append, "never")
        say("remove_reader", loop.remove_reader(a), "again", loop.remove_reader(a))
        a.close()
        b.close()

    asyncio.run(main())


def scenario_S28_a_reader_removed_in_the_turn_in_which_it_is_ready():
    async def main():
        loop = asyncio.get_running_loop()
        ran = []
        a, b = socket.socketpair()
        c, d = socket.socketpair()

        def one_removes_the_other(name):
            ran.append("one of the two")
            loop.remove_reader(a)
            loop.remove_reader(c)

        loop.add_reader(a, one_removes_the_other, "a")
        loop.add_reader(c, one_removes_the_other, "c")
        b.send(b"x")
        d.send(b"x")
        await asyncio.sleep(0.002)
        say("ran", ran)
        for s in (a, b, c, d):
            s.close()

    asyncio.run(main())


def scenario_S29_a_signal_handler_is_a_callback_of_the_loop():
    async def main():
        loop = asyncio.get_running_loop()
        order = []
        f = loop.create_future()

        def handler(value):
            order.append("handler")
            f.set_result(value)

        loop.add_signal_handler(signal.SIGUSR1, handler, 42)
        os.kill(os.getpid(), signal.SIGUSR1)
        order.append("after the signal")
        say("handler got", await f)
        say("order", order)
        say("removed", loop.remove_signal_handler(signal.SIGUSR1))
        say("removed again", loop.remove_signal_handler(signal.SIGUSR1))

    asyncio.run(main())


def scenario_S29_a_signal_interrupts_the_poll():
    async def main():
        loop = asyncio.get_running_loop()
        f = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, f.set_result, 42)

        def other():
            time.sleep(0.005)
            os.kill(os.getpid(), signal.SIGUSR1)

        thread = threading.Thread(target=other)
        thread.start()
        say("handler got", await f)
        thread.join()
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())


def scenario_S30_a_forked_child_has_no_running_loop():
    async def main():
        child = os.fork()
        if child == 0:
            os._exit(0 if attempt(asyncio.get_running_loop) == "error" else 1)
        _, status = os.waitpid(child, 0)
        say("in the child, get_running_loop is an error", os.waitstatus_to_exitcode(status) == 0)
        await asyncio.sleep(0)
        say("the parent goes on")

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
