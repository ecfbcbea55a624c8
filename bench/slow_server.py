"""A bank that takes 300 ms to answer, and receivers of webhooks that take 20 ms, in one process that uses little CPU.

python -m bench.slow_server PORT
"""

from __future__ import annotations

import asyncio
import json
import sys

TOKEN = {"access_token": "bench", "token_type": "Bearer", "expires_in": 3600}
DELAYS = {"/v1": 0.3, "/hook": 0.02, "/token": 0.0}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection: questions with "pending", all others with what they wait for."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = head.decode("latin-1").lower().split("\r\n")
            length = next(
                (int(f.split(":")[1]) for f in fields if f.startswith("content-length")), 0
            )
            await reader.readexactly(length)
            path = fields[0].split()[1]
            await asyncio.sleep(
                next((s for start, s in DELAYS.items() if path.startswith(start)), 0)
            )
            body = json.dumps(TOKEN if path.startswith("/token") else {"status": "pending"})
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(port: int) -> None:
    """Listen until stopped."""
    async with await asyncio.start_server(answer, "127.0.0.1", port, backlog=512) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
