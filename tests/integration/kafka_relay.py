# SPDX-License-Identifier: Apache-2.0
"""Between a client and a broker: says in the broker's place what brokers seldom say."""
import socket
import socketserver
import struct
import threading

from kafka_wire import SCHEMAS, Codec

CUT = object()
NAMES = {key: name for name, (key, _, _) in SCHEMAS.items()}


class Relay(socketserver.ThreadingTCPServer):
    """One question at a time to the broker at `address`, without TLS.

    `answer` is called with the name of each API that is asked: None has the broker answer, a dict
    is the answer instead, and CUT ends the connection.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address, answer):
        super().__init__(("127.0.0.1", 0), Talk)
        host, port = address.rsplit(":", 1)
        self.broker = (host, int(port))
        self.answer = answer
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


def encode(api, version, number, values):
    """A frame's content."""
    codec = Codec(SCHEMAS[api][2], version)
    header = struct.pack(">i", number) + (b"\0" if codec.flexible and api != "ApiVersions" else b"")
    return header + codec.encode(values)


def read_frame(stream):
    """Its content; nothing at the end of the connection."""
    size = stream.read(4)
    return stream.read(*struct.unpack(">i", size)) if len(size) == 4 else b""


def write_frame(stream, data):
    stream.write(struct.pack(">i", len(data)) + data)
    stream.flush()


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        with socket.create_connection(self.server.broker) as connection, \
                connection.makefile("rwb") as broker:
            while frame := read_frame(self.rfile):
                key, version, number = struct.unpack(">hhi", frame[:8])
                said = self.server.answer(NAMES[key])
                if said is CUT:
                    return
                if said is None:
                    write_frame(broker, frame)
                    answer = read_frame(broker)
                else:
                    answer = encode(NAMES[key], version, number, said)
                if not answer:
                    return
                write_frame(self.wfile, answer)
