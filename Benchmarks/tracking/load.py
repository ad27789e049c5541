"""A small HTTP/1.1 load client: some connections, each with one request under way, in one thread.

Requests are ready-made bytes and answers are only counted, so that the client costs little beside the server it measures; how much it
did cost is part of every result (`client`, the share of one core), and a figure near 1 would mean that the client was measured.
"""

import selectors
import socket
import time


# How a chunked answer ends; text of JSON never does.
LAST_CHUNK = b"\r\n0\r\n\r\n"


class HungUp(Exception):
    """The server has closed a connection on which it owed an answer."""


class Connection:
    """One keep-alive connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(1 << 20)
        self.head = b""
        self.missing = None
        self.tail = b""
        self.pieces = None

    def send(self, request):
        self.head = b""
        self.missing = None
        self.socket.sendall(request)

    def receive(self):
        """Takes what has arrived; whether the answer is complete."""
        try:
            count = self.socket.recv_into(self.buffer)
        except ConnectionError:
            count = 0
        if count == 0:
            raise HungUp
        if self.pieces is not None:
            self.pieces.append(bytes(self.buffer[:count]))
        if self.missing is None:
            self.head += self.buffer[:count]
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            fields = self.head[:end].lower()
            start = fields.find(b"content-length:")
            if self.head[9:12] != b"200":
                raise SystemExit(f"refused:\n{self.head.decode()}")
            if start < 0:
                if b"transfer-encoding: chunked" not in fields:
                    raise SystemExit(f"an answer without a length:\n{fields.decode()}")
                self.missing = -1
                self.tail = self.head[-7:]
                return self.tail.endswith(LAST_CHUNK)
            stop = fields.find(b"\r\n", start)
            length = int(fields[start + 15 : stop if stop >= 0 else end])
            self.missing = length - (len(self.head) - end - 4)
        elif self.missing < 0:
            self.tail = (self.tail + self.buffer[max(0, count - 7) : count])[-7:]
            return self.tail.endswith(LAST_CHUNK)
        else:
            self.missing -= count
        return self.missing == 0

    def exchange(self, request):
        """Sends one request and waits for the whole answer; returns its body."""
        self.pieces = []
        self.send(request)
        while not self.receive():
            pass
        answer = b"".join(self.pieces)
        self.pieces = None
        return answer[answer.find(b"\r\n\r\n") + 4 :]

    def close(self):
        self.socket.close()


def request(method, path, body=b"", port=0):
    if isinstance(body, str):
        body = body.encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n"
    if method != "GET":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def run(port, sources, seconds, at_least=1, at_most=None):
    """Drives one connection per source, an endless iterator of requests, for some seconds.

    Returns answers per second, the median and 99th percentile of the time to an answer in milliseconds, how many answers were lost because
    the server hung up (`mlflow server` ends workers that are too busy to say that they live), and the client's own cost.
    """
    selector = selectors.EpollSelector()
    connections = [Connection(port) for _ in sources]
    latencies = []
    started = {}
    clock = time.perf_counter
    for connection, source in zip(connections, sources):
        selector.register(connection.socket, selectors.EVENT_READ, (connection, source))
    begin = clock()
    cpu = time.process_time()
    for connection, source in zip(connections, sources):
        started[connection] = clock()
        connection.send(next(source))
    waiting = len(connections)
    lost = 0
    while waiting:
        for key, _ in selector.select():
            connection, source = key.data
            try:
                if not connection.receive():
                    continue
            except HungUp:
                lost += 1
                if lost > 100:
                    raise SystemExit("the server hangs up again and again")
                selector.unregister(connection.socket)
                connection.close()
                connections.remove(connection)
                connection = Connection(port)
                connections.append(connection)
                selector.register(connection.socket, selectors.EVENT_READ, (connection, source))
                started[connection] = clock()
                connection.send(next(source))
                continue
            now = clock()
            latencies.append(now - started[connection])
            is_over = now - begin >= seconds and len(latencies) >= at_least
            if is_over or (at_most is not None and len(latencies) + waiting > at_most):
                waiting -= 1
                selector.unregister(connection.socket)
                continue
            started[connection] = now
            connection.send(next(source))
    wall = clock() - begin
    cpu = time.process_time() - cpu
    for connection in connections:
        connection.close()
    latencies.sort()
    return {
        "rate": len(latencies) / wall,
        "median": latencies[len(latencies) // 2] * 1000,
        "p99": latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)] * 1000,
        "answers": len(latencies),
        "lost": lost,
        "client": cpu / wall,
    }
