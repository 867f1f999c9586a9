"""CPython's server: cpython_server.py [--uvloop] PORT echo|http|timeout READ_SIZE"""

import asyncio
import sys

HTTP_ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n"
               b"Hello, World!")


async def serve(port, mode, read_size):
    async def answer(reader, writer):
        try:
            while True:
                if mode == "timeout":
                    data = await asyncio.wait_for(reader.read(read_size), 5)
                else:
                    data = await reader.read(read_size)
                if not data:
                    break
                writer.write(HTTP_ANSWER if mode == "http" else data)
                await writer.drain()
        except OSError:
            pass  # the load generator has what it wanted
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main(words):
    loop_factory = None
    if words[:1] == ["--uvloop"]:
        words = words[1:]
        import uvloop

        loop_factory = uvloop.new_event_loop
    if len(words) != 3:
        sys.exit("usage: cpython_server.py [--uvloop] PORT echo|http|timeout READ_SIZE")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(int(words[0]), words[1], int(words[2])))


main(sys.argv[1:])
