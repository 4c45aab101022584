#!/usr/bin/env python3
"""A client of ironwire's rpc without ironwire: docs/rpc-protocol.md, version 2, in Python's own library.

    PORT=3001 node examples/rpc/catalog.js          and in another terminal   python3 examples/rpc/client.py
"""
import os, socket, struct

METHOD, REQUEST, REPLY, ERROR, CANCEL, PING, PONG, GOAWAY, MESSAGE, END, CREDIT = range(1, 12)
DEADLINE, TAKES_STREAM, WINDOW = 1, 8, 64 * 1024

class Client:
    def __init__(self, host, port):
        self.stream = socket.create_connection((host, port)).makefile("rwb")
        self.methods, self.sequence = {}, 0
        self.write(struct.pack(">4sBxHII", b"IWRP", 2, WINDOW // 1024, 1 << 20, 0))
        magic, version = struct.unpack(">4sB11x", self.read(16))
        assert magic == b"IWRP" and version >= 2, "no ironwire rpc of version 2"

    def read(self, size):
        data = self.stream.read(size)
        if len(data) < size:
            raise EOFError("the server ended the connection")
        return data

    def write(self, data):
        self.stream.write(data)
        self.stream.flush()

    def send(self, kind, sequence, payload=b"", flags=0):
        self.write(struct.pack(">IBBI", 6 + len(payload), kind, flags, sequence) + payload)

    def call(self, name, body, flags=0, milliseconds=5000):
        """Yields the messages of the answer and returns the reply. One call at a time."""
        if name not in self.methods:
            self.methods[name] = len(self.methods)
            self.send(METHOD, 0, struct.pack(">H", self.methods[name]) + name.encode())
        self.sequence += 1
        self.send(REQUEST, self.sequence, struct.pack(">HI", self.methods[name], milliseconds) + body, flags | DEADLINE)
        while True:
            length, kind, _, sequence = struct.unpack(">IBBI", self.read(10))
            payload = self.read(length - 6)
            if kind == PING:
                self.send(PONG, sequence)
            elif kind == MESSAGE:
                self.send(CREDIT, sequence, struct.pack(">I", len(payload) + 64))
                yield payload
            elif kind == REPLY:
                return payload
            elif kind == ERROR:
                status, _, size = struct.unpack(">BBH", payload[:4])
                raise RuntimeError(f"status {status} {payload[4:4 + size].decode()}: {payload[4 + size:].decode()}")

def main(client):
    # Bodies are protobuf: Id { id: 1000 } is 08 e8 07, and a title begins after two bytes, its tag and its length.
    print("title:", (yield from client.call("/Catalog/Title", b"\x08\xe8\x07"))[2:].decode())
    for course in client.call("/Catalog/Watch", b"\x08\xe8\x07", TAKES_STREAM):
        print("watch:", course[2:].decode())
    yield from client.call("/Catalog/Title", b"\x08\x01")

if __name__ == "__main__":
    try:
        list(main(Client("127.0.0.1", int(os.environ.get("PORT", "3001")))))
    except RuntimeError as error:
        print("error:", error)
