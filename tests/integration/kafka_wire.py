# SPDX-License-Identifier: Apache-2.0
"""A Kafka client that sends what it is told to, right or wrong, in the version it is told.

Requests and answers are dicts after the product's schemas (server/wire/schema/*.kmsg), which
tests/interop/check_schemas.py compares with Kafka's own; the codec here is another one than the
product's. Record batches are built and read by hand, so that every field of them can be wrong.
"""
import pathlib
import socket
import struct
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "server" / "wire"))

from generate import Parser  # noqa: E402  pylint: disable=wrong-import-position

NUMBERS = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I",
           "int64": ">q", "float64": ">d", "bool": ">?"}
ZERO_ID = bytes(16)


class Closed(Exception):
    """The broker closed the connection."""


def load_schemas():
    """API name: (key, request, response)."""
    found = {}
    for path in sorted((ROOT / "server/wire/schema").glob("*.kmsg")):
        schema = Parser(path).parse()
        if schema.api:
            found[schema.api[1]] = (schema.api[0], *schema.messages[:2])
    return found


SCHEMAS = load_schemas()


# varints

def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value):
    return uvarint((value << 1) ^ (value >> 63) if value < 0 else value << 1)


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise ValueError(f"{count} bytes wanted, {len(self.data) - self.at} left")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, kind):
        return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self):
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)


# messages

class Codec:
    """One message in one version."""

    def __init__(self, message, version):
        self.message = message
        self.version = version
        self.flexible = version >= message.flexible

    def default(self, field):
        if field.default == "null":
            return None
        if field.kind == "array":
            return []
        if field.kind == "struct":
            return {}
        if field.element in NUMBERS:
            return {"true": 1, "false": 0, None: 0}.get(field.default) \
                if field.element == "bool" or field.default is None else int(field.default)
        return {"uuid": ZERO_ID, "string": ""}.get(field.element, b"")

    def length(self, count, short=False):
        if self.flexible:
            return uvarint(0 if count is None else count + 1)
        return struct.pack(">h" if short else ">i", -1 if count is None else count)

    def scalar(self, element, value):
        if element in NUMBERS:
            return struct.pack(NUMBERS[element], value)
        if element == "uuid":
            return value
        if value is None:
            return self.length(None, element == "string")
        data = value.encode() if isinstance(value, str) else value
        return self.length(len(data), element == "string") + data

    def field(self, field, value):
        if field.kind == "struct":
            if field.nullable:
                return b"\xff" if value is None else b"\x01" + self.struct(field.struct, value)
            return self.struct(field.struct, value)
        if field.kind == "scalar":
            return self.scalar(field.element, value)
        if value is None:
            return self.length(None)
        write = (lambda one: self.struct(field.struct, one)) if field.struct \
            else (lambda one: self.scalar(field.element, one))
        return self.length(len(value)) + b"".join(write(one) for one in value)

    def struct(self, kind, values):
        known = {field.name for field in kind.fields}
        if set(values) - known - {"unknown_tags"}:
            raise KeyError(f"{kind.c_name} has no {set(values) - known}")
        plain, tags = [], {}
        for field in kind.fields:
            if not field.present(self.version):
                continue
            if field.tag is None:
                plain.append(self.field(field, values.get(field.name, self.default(field))))
            elif field.name in values:
                tags[field.tag] = self.field(field, values[field.name])
        tags.update(values.get("unknown_tags", {}))
        if self.flexible:
            plain.append(uvarint(len(tags)))
            for tag, data in sorted(tags.items()):
                plain.append(uvarint(tag) + uvarint(len(data)) + data)
        return b"".join(plain)

    def encode(self, values):
        return self.struct(self.message.root, values)

    def read_length(self, reader, short=False):
        if self.flexible:
            return reader.uvarint() - 1
        return reader.number("int16" if short else "int32")

    def read_scalar(self, reader, element):
        if element in NUMBERS:
            return reader.number(element)
        if element == "uuid":
            return reader.take(16)
        count = self.read_length(reader, element == "string")
        if count < 0:
            return None
        data = reader.take(count)
        return data.decode() if element == "string" else data

    def read_field(self, reader, field):
        if field.kind == "struct":
            if field.nullable and reader.number("int8") < 0:
                return None
            return self.read_struct(reader, field.struct)
        if field.kind == "scalar":
            return self.read_scalar(reader, field.element)
        count = self.read_length(reader)
        if count < 0:
            return None
        read = (lambda: self.read_struct(reader, field.struct)) if field.struct \
            else (lambda: self.read_scalar(reader, field.element))
        return [read() for _ in range(count)]

    def read_struct(self, reader, kind):
        values, tagged = {}, {}
        for field in kind.fields:
            if not field.present(self.version):
                continue
            if field.tag is None:
                values[field.name] = self.read_field(reader, field)
            else:
                tagged[field.tag] = field
        for _ in range(reader.uvarint() if self.flexible else 0):
            tag, size = reader.uvarint(), reader.uvarint()
            inner = Reader(reader.take(size))
            if tag in tagged:
                values[tagged[tag].name] = self.read_field(inner, tagged[tag])
        return values

    def decode(self, data):
        reader = Reader(data)
        values = self.read_struct(reader, self.message.root)
        if reader.at != len(data):
            raise ValueError(f"{len(data) - reader.at} bytes behind {self.message.name}")
        return values


# record batches

def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def record(delta, value, key=None, timestamp_delta=0):
    body = b"\0" + varint(timestamp_delta) + varint(delta)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(0)
    return varint(len(body)) + body


def batch(values, timestamps=None, **wrong):
    """A batch of magic 2 with one record a value; name a field of it to have it otherwise."""
    now = int(time.time() * 1000)
    timestamps = timestamps or [now] * len(values)
    field = {"base_offset": 0, "leader_epoch": -1, "magic": 2, "attributes": 0,
             "last_offset_delta": len(values) - 1, "base_timestamp": timestamps[0],
             "max_timestamp": max(timestamps), "producer_id": -1, "producer_epoch": -1,
             "base_sequence": -1, "count": len(values), "records": None, "crc": None,
             "length": None, "keys": [None] * len(values)}
    if set(wrong) - set(field):
        raise KeyError(set(wrong) - set(field))
    field.update(wrong)
    records = field["records"]
    if records is None:
        records = b"".join(record(i, value, field["keys"][i], timestamps[i] - timestamps[0])
                           for i, value in enumerate(values))
    under_crc = struct.pack(">hiqqqhii", field["attributes"], field["last_offset_delta"],
                            field["base_timestamp"], field["max_timestamp"], field["producer_id"],
                            field["producer_epoch"], field["base_sequence"],
                            field["count"]) + records
    crc = crc32c(under_crc) if field["crc"] is None else field["crc"]
    tail = struct.pack(">ibI", field["leader_epoch"], field["magic"], crc) + under_crc
    length = len(tail) if field["length"] is None else field["length"]
    return struct.pack(">qi", field["base_offset"], length) + tail


BATCH_FIELDS = ("base_offset", "length", "leader_epoch", "magic", "crc", "attributes",
                "last_offset_delta", "base_timestamp", "max_timestamp", "producer_id",
                "producer_epoch", "base_sequence", "count")


def batches(data):
    """The headers of the whole batches in `data`; uncompressed ones with their values."""
    found = []
    at = 0
    while len(data) - at >= 61:
        header = dict(zip(BATCH_FIELDS, struct.unpack_from(">qiibIhiqqqhii", data, at)))
        end = at + 12 + header["length"]
        if end > len(data):
            break
        header["valid"] = crc32c(data[at + 21:end]) == header["crc"]
        if header["attributes"] & 7 == 0:
            header["values"] = list(record_values(data[at + 61:end], header["count"]))
        found.append(header)
        at = end
    return found


def record_values(data, count):
    reader = Reader(data)
    for _ in range(count):
        one = Reader(reader.take(reader.varint()))
        one.take(1)
        one.varint()
        one.varint()
        key_size = one.varint()
        one.take(max(key_size, 0))
        size = one.varint()
        yield None if size < 0 else one.take(size)


# connections

class Connection:
    """One connection to one broker, from the address `source` if it is told."""

    def __init__(self, address, client_id="wire", timeout=15, source=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout,
                                               source_address=source and (source, 0))
        self.client_id = client_id
        self.next_id = 1

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive_bytes(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError as error:
                raise Closed from error
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def receive_frame(self):
        return self.receive_bytes(struct.unpack(">i", self.receive_bytes(4))[0])

    def is_closed(self):
        """Waits for the end of the connection; anything else that comes is not it."""
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def frame(self, key, version, flexible, body, client_id=None):
        name = (self.client_id if client_id is None else client_id).encode()
        header = struct.pack(">hhih", key, version, self.next_id, len(name)) + name
        data = header + (b"\0" if flexible else b"") + body
        self.next_id += 1
        return struct.pack(">i", len(data)) + data

    def send(self, api, version, values=None, body=None):
        """Gives the correlation id."""
        key, request, _ = SCHEMAS[api]
        codec = Codec(request, version)
        if body is None:
            body = codec.encode(values or {})
        self.send_bytes(self.frame(key, version, codec.flexible, body))
        return self.next_id - 1

    def receive(self, api, version, correlation_id=None):
        data = self.receive_frame()
        found, = struct.unpack(">i", data[:4])
        if correlation_id is not None and found != correlation_id:
            raise AssertionError(f"answer {found} instead of {correlation_id}")
        _, request, response = SCHEMAS[api]
        header = 5 if version >= request.flexible and api != "ApiVersions" else 4
        return Codec(response, version).decode(data[header:])

    def call(self, api, version, **values):
        return self.receive(api, version, self.send(api, version, values))

    def log_in(self, user, password):
        """With PLAIN; raises where that is not enough."""
        self.call("SaslHandshake", 1, mechanism="PLAIN")
        answer = self.call("SaslAuthenticate", 1, auth_bytes=f"\0{user}\0{password}".encode())
        if answer["error_code"] != 0:
            raise PermissionError(answer["error_message"])
