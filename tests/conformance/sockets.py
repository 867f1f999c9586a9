"""Bare sockets driven by the loop, and what a cancel leaves behind: nothing."""

import asyncio
import socket

import oracle
from oracle import in_quotes, outcome_of, say, settle, state, turns


def nonblocking_pair():
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    return a, b


def listening():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    s.setblocking(False)
    return s


def scenario_S164_send_and_receive():
    async def main():
        loop = asyncio.get_running_loop()
        a, b = nonblocking_pair()

        async def receive():
            return in_quotes(await loop.sock_recv(a, 100))

        t = asyncio.create_task(receive())
        await settle()
        say("nothing sent:", state(t))
        await loop.sock_sendall(b, b"hello")
        say("received", await t)
        b.close()
        say("at the end", await receive())
        a.close()

    asyncio.run(main())


def scenario_S164_connect_and_accept():
    async def main():
        loop = asyncio.get_running_loop()
        server = listening()
        client = socket.socket()
        client.setblocking(False)

        async def accept():
            connection, address = await loop.sock_accept(server)
            return connection

        t = asyncio.create_task(accept())
        await loop.sock_connect(client, server.getsockname())
        connection = await t
        await loop.sock_sendall(client, b"hello")
        say("received", in_quotes(await loop.sock_recv(connection, 100)))
        for s in (server, client, connection):
            s.close()

    asyncio.run(main())


def scenario_S164_a_cancelled_receive_removes_the_watch():
    async def main():
        loop = asyncio.get_running_loop()
        a, b = nonblocking_pair()

        async def receive():
            return in_quotes(await loop.sock_recv(a, 100))

        t = asyncio.create_task(receive())
        await settle()
        t.cancel()
        say("cancelled:", await outcome_of(t))
        await turns(1)
        say("still watched", loop.remove_reader(a))
        await loop.sock_sendall(b, b"hello")
        say("nothing is lost:", await receive())
        a.close()
        b.close()

    asyncio.run(main())


def scenario_S164_a_cancelled_accept_removes_the_watch():
    async def main():
        loop = asyncio.get_running_loop()
        server = listening()

        async def accept():
            await loop.sock_accept(server)

        t = asyncio.create_task(accept())
        await settle()
        t.cancel()
        say("cancelled:", await outcome_of(t))
        await turns(1)
        say("still watched", loop.remove_reader(server))
        server.close()

    asyncio.run(main())


def scenario_S164_connection_refused():
    async def main():
        loop = asyncio.get_running_loop()
        nobody = listening()
        address = nobody.getsockname()
        nobody.close()
        client = socket.socket()
        client.setblocking(False)

        async def connect():
            await loop.sock_connect(client, address)

        async def connect_stream():
            await asyncio.open_connection("127.0.0.1", address[1])

        say("sock_connect:", await outcome_of(connect()))
        say("open_connection:", await outcome_of(connect_stream()))
        client.close()

    asyncio.run(main())


if __name__ == "__main__":
    oracle.play(globals())
