"""Streams over loopback TCP: reading up to a point, back-pressure, the end of connections and servers."""

import asyncio
import contextlib
import os
import socket
import tempfile

import oracle
from oracle import Boom, in_quotes, outcome_of, reports, say, settle, since, state


@contextlib.asynccontextmanager
async def connected(handler, limit=65536):
    """A server with `handler` and one client of it: (reader, writer, server)."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        yield reader, writer, server
    finally:
        writer.close()
        server.close()


def sends(data):
    """A handler that sends data and closes the connection."""

    async def handler(reader, writer):
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handler


async def echo(reader, writer):
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


def scenario_S152_reading_up_to_a_point():
    async def main():
        async with connected(sends(b"one\ntwo;three\n\nrest of it")) as (reader, writer, server):
            say("readline", in_quotes(await reader.readline()))
            say("readuntil", in_quotes(await reader.readuntil(b";")))
            say("readexactly", in_quotes(await reader.readexactly(3)))
            say("readline", in_quotes(await reader.readline()))
            say("readline", in_quotes(await reader.readline()))
            say("at_eof", reader.at_eof())
            say("read(4)", in_quotes(await reader.read(4)))
            say("read to the end", in_quotes(await reader.read()))
            say("at_eof", reader.at_eof())
            say("read at the end", in_quotes(await reader.read(10)))

    asyncio.run(main())


def scenario_S152_the_end_comes_too_early():
    async def main():
        async with connected(sends(b"hello")) as (reader, writer, server):
            try:
                await reader.readexactly(10)
            except asyncio.IncompleteReadError as e:
                say("readexactly: incomplete_read_error, partial", in_quotes(e.partial), "expected", e.expected)
            say("at_eof", reader.at_eof())

        async with connected(sends(b"hello")) as (reader, writer, server):
            try:
                await reader.readuntil(b";")
            except asyncio.IncompleteReadError as e:
                say("readuntil: incomplete_read_error, partial", in_quotes(e.partial))
            say("at_eof", reader.at_eof())

        async with connected(sends(b"hello")) as (reader, writer, server):
            say("readline", in_quotes(await reader.readline()))
            say("readline at the end", in_quotes(await reader.readline()))

    asyncio.run(main())


def scenario_S152_over_the_limit():
    async def main():
        async with connected(sends(b"0123456789\nok\n"), limit=4) as (reader, writer, server):
            say("readuntil:", await outcome_of(reader.readuntil(b"\n")))
            say("nothing is lost", in_quotes(await reader.readexactly(11)))

        async with connected(sends(b"0123456789\nok\n"), limit=4) as (reader, writer, server):
            say("readline:", await outcome_of(reader.readline()))
            say("the long line is dropped, the next is", in_quotes(await reader.readline()))

    asyncio.run(main())


@since(3, 13)
def scenario_S153_several_separators():
    async def main():
        async def first_of(separators):
            async with connected(sends(b"ABCDEFG")) as (reader, writer, server):
                return in_quotes(await reader.readuntil(separators))

        say("DEF or D:", await first_of((b"DEF", b"D")))
        say("D or DEF:", await first_of((b"D", b"DEF")))
        say("X or F or BCDE:", await first_of((b"X", b"F", b"BCDE")))

    asyncio.run(main())


def scenario_S154_a_second_read_at_once():
    async def main():
        async with connected(echo) as (reader, writer, server):

            async def read():
                return in_quotes(await reader.readexactly(5))

            first = asyncio.create_task(read())
            await settle()
            say("second:", await outcome_of(read()))
            writer.write(b"hello")
            say("first:", await outcome_of(first))

    asyncio.run(main())


def scenario_S152_a_cancelled_read_loses_nothing():
    async def main():
        async with connected(echo) as (reader, writer, server):

            async def read():
                return in_quotes(await reader.readexactly(10))

            t = asyncio.create_task(read())
            writer.write(b"hello")
            await asyncio.sleep(0.002)
            t.cancel()
            say("cancelled:", await outcome_of(t))
            writer.write(b"world")
            say("read again:", await outcome_of(read()))

    asyncio.run(main())


def scenario_S155_many_drains():
    async def main():
        release = asyncio.get_running_loop().create_future()

        async def slow(reader, writer):
            await release
            await reader.read()
            writer.close()

        async with connected(slow) as (reader, writer, server):

            async def drain():
                await writer.drain()
                return "drained"

            writer.write(b"x" * (16 << 20))
            a, b, c = [asyncio.create_task(drain()) for _ in range(3)]
            await settle()
            say("nobody reads:", state(a), state(b), state(c))
            release.set_result(None)
            say("somebody reads:", await a, await b, await c)

    asyncio.run(main())


def scenario_S155_drain_after_the_connection_was_lost():
    async def main():
        async def abort(reader, writer):
            await reader.read(1)
            writer.transport.abort()

        async with connected(abort) as (reader, writer, server):

            async def tight_loop():
                while True:
                    writer.write(b"x" * 1000)
                    await writer.drain()

            say("drain:", await outcome_of(tight_loop()))

    asyncio.run(main())


def scenario_S156_close_with_unread_data():
    async def main():
        closed = asyncio.get_running_loop().create_future()

        async def handler(reader, writer):
            writer.write(b"nobody reads this")
            await writer.drain()
            await outcome_of(reader.read())
            writer.close()
            closed.set_result("server closed")

        async with connected(handler) as (reader, writer, server):
            say("read(1)", in_quotes(await reader.read(1)))
            writer.close()
            say("closing", writer.is_closing())
            await writer.wait_closed()
            say("wait_closed returned")
            say(await closed)

    asyncio.run(main())


def scenario_S156_the_reader_is_at_its_end_after_close():
    async def main():
        async with connected(echo) as (reader, writer, server):
            writer.write(b"x")
            say("echo", in_quotes(await reader.read(1)))
            say("at_eof", reader.at_eof())
            writer.close()
            await writer.wait_closed()
            say("at_eof", reader.at_eof())
            say("read", in_quotes(await reader.read()))

    asyncio.run(main())


def scenario_S156_half_close():
    async def main():
        async def upper(reader, writer):
            data = await reader.read()
            writer.write(data.upper())
            writer.close()

        async with connected(upper) as (reader, writer, server):
            say("can_write_eof", writer.can_write_eof())
            writer.write(b"hello, ")
            writer.writelines([b"half-closed ", b"world"])
            writer.write_eof()
            say(in_quotes(await reader.read()))

    asyncio.run(main())


def scenario_S157_a_handler_that_fails():
    async def main():
        seen = reports(asyncio.get_running_loop())

        async def bad(reader, writer):
            raise Boom("handler")

        async with connected(bad) as (reader, writer, server):
            say("client reads", in_quotes(await reader.read()))
            await settle()
        say("reported", seen)

    asyncio.run(main())


@since(3, 13)
def scenario_S157_a_cancelled_handler_is_silent():
    async def main():
        seen = reports(asyncio.get_running_loop())
        entered = asyncio.get_running_loop().create_future()

        async def cancelled(reader, writer):
            entered.set_result(None)
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        async with connected(cancelled) as (reader, writer, server):
            await entered
            await settle()
        say("reported", seen)

    asyncio.run(main())


def scenario_S158_wait_closed_of_a_server():
    async def main():
        async with connected(echo) as (reader, writer, server):

            async def wait_closed():
                await server.wait_closed()

            writer.write(b"x")
            say("echo", in_quotes(await reader.readexactly(1)))
            t = asyncio.create_task(wait_closed())
            await settle()
            say("serving", server.is_serving(), "wait_closed:", state(t))
            server.close()
            await settle()
            say("serving", server.is_serving(), "one connection left, wait_closed:", state(t))
            writer.close()
            await writer.wait_closed()
            await t
            say("no connection left, wait_closed returned")
            await server.wait_closed()
            say("and returns at once now")

    asyncio.run(main())


def scenario_S158_close_and_the_last_connection_in_one_turn():
    async def main():
        loop = asyncio.get_running_loop()
        async with connected(echo) as (reader, writer, server):
            writer.write(b"x")
            say("echo", in_quotes(await reader.readexactly(1)))
            loop.call_soon(server.close)
            loop.call_soon(writer.close)
            await server.wait_closed()
            say("wait_closed returned")

    asyncio.run(main())


@since(3, 13)
def scenario_S159_close_clients_lets_the_buffers_flush():
    async def main():
        size = 16 << 20
        written = asyncio.get_running_loop().create_future()

        async def handler(reader, writer):
            writer.write(b"x" * size)
            written.set_result(None)
            await reader.read()

        async with connected(handler) as (reader, writer, server):
            await written
            server.close()
            server.close_clients()
            received = 0
            while data := await reader.read(1 << 20):
                received += len(data)
            say("all received", received == size)
            await server.wait_closed()

    asyncio.run(main())


@since(3, 13)
def scenario_S159_abort_clients_does_not():
    async def main():
        size = 64 << 20
        written = asyncio.get_running_loop().create_future()

        async def handler(reader, writer):
            writer.write(b"x" * size)
            written.set_result(None)
            await reader.read()

        async with connected(handler) as (reader, writer, server):
            await written
            server.close()
            server.abort_clients()
            received = 0

            async def receive():
                nonlocal received
                while data := await reader.read(1 << 20):
                    received += len(data)

            await outcome_of(receive())
            say("all received", received == size)
            await server.wait_closed()

    asyncio.run(main())


@since(3, 13)
def scenario_S160_the_socket_file_of_a_unix_server():
    async def main():
        with tempfile.TemporaryDirectory() as directory:
            path = directory + "/s"

            server = await asyncio.start_unix_server(echo, path)
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"hello")
            say("echo", in_quotes(await reader.readexactly(5)))
            writer.close()
            say("open: file exists", os.path.exists(path))
            server.close()
            say("closed: file exists", os.path.exists(path))

            server = await asyncio.start_unix_server(echo, path)
            os.unlink(path)
            with socket.socket(socket.AF_UNIX) as somebody_else:
                somebody_else.bind(path)
                server.close()
                say("replaced by somebody else: file exists", os.path.exists(path))

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
