#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/dn_names.tsv: names of certificates, DER as hex, and the text that the JDK's
X500Principal.getName() makes of each, UTF-8 as hex.

    tests/golden/dn_names.py        needs java on PATH
"""
import pathlib
import random
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
UTF8, PRINTABLE, T61, IA5, UNIVERSAL, BMP, BITS = 12, 19, 20, 22, 28, 30, 3
CN, SURNAME, SERIAL, C, L, ST, STREET, O, OU = ("2.5.4.3", "2.5.4.4", "2.5.4.5", "2.5.4.6",
                                               "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.10",
                                               "2.5.4.11")
EMAIL = "1.2.840.113549.1.9.1"
DC = "0.9.2342.19200300.100.1.25"
UID = "0.9.2342.19200300.100.1.1"


def tlv(tag, body):
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def oid(text):
    numbers = [int(part) for part in text.split(".")]
    numbers[:2] = [numbers[0] * 40 + numbers[1]]
    body = b""
    for number in numbers:
        groups = [number & 127]
        while number > 127:
            number >>= 7
            groups.append(number & 127 | 128)
        body += bytes(reversed(groups))
    return tlv(6, body)


def entry(kind, value, tag=UTF8):
    body = value if isinstance(value, bytes) else value.encode()
    return tlv(0x30, oid(kind) + tlv(tag, body))


def name(*sets):
    """Each argument is an entry or a list of entries that stand together."""
    return tlv(0x30, b"".join(tlv(0x31, b"".join(one if isinstance(one, list) else [one]))
                              for one in sets))


def names():
    yield name()
    yield name(entry(CN, "alice"))
    yield name(entry(C, "DE", PRINTABLE), entry(ST, "Bayern"), entry(L, "München"),
               entry(O, "Gyre, Inc."), entry(OU, "a+b"), entry(CN, "alice"))
    yield name(entry(DC, "org", IA5), entry(DC, "example", IA5), entry(UID, "u1"),
               entry(STREET, "Main Street 1"))
    yield name(entry(EMAIL, "a@b.c", IA5), entry(CN, "mail"))
    yield name(entry(SURNAME, "Doe"), entry(SERIAL, "42", PRINTABLE), entry(CN, "x"))
    yield name(entry("1.2.3.4.5", "odd"), entry("2.5.29.99999", "x" * 200))
    yield name([entry(CN, "b"), entry(OU, "a")], entry(O, "c"))
    yield name([entry(OU, "z"), entry(CN, "y"), entry(UID, "x")])
    for value in (" lead", "trail ", " both ", "   ", "in  side", "#hash", "a#b", 'q"uote', "a\\b",
                  "a;b<c>d=e,f+g", "\r\r", "a\nb", "tab\t", "\x7f", "nul\0inside", "\0", "",
                  "ünïcödé", "日本語", "😀", "a/b", "*", "'", "(x)", "@", "\u00a0x\u00a0"):
        yield name(entry(CN, value), entry(O, "end"))
    for value in (b"\xff", b"\xc3", b"a\xc3", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x98",
                  b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b"\xf4\x90\x80\x80",
                  b"\x80\x80", b"ok\xe0\x80\xafx", b"\xf0\x80\x80\x80", b"\xe2\x82\xacx\xe2"):
        yield name(entry(CN, value, T61))  # OpenSSL reads no certificate with wrong UTF-8
    for tag in (PRINTABLE, T61, IA5):
        yield name(entry(CN, "plain text", tag))
    yield name(entry(CN, "Zürich".encode("latin-1"), T61))
    yield name(entry(CN, "ab".encode("utf-16-be"), BMP))
    yield name(entry(CN, "abc".encode("utf-32-be"), UNIVERSAL))
    yield name(entry(CN, b"\x00\x01\x02", BITS))
    chance = random.Random(1)
    letters = [chr(i) for i in range(1, 128)] + list(",=+<>#;\"\\ \r ß日é")
    kinds = [CN, C, L, ST, STREET, O, OU, DC, UID, EMAIL, SERIAL, "1.2.3"]
    for _ in range(200):
        yield name(*[[entry(chance.choice(kinds), "".join(chance.choices(
            letters, k=chance.randrange(1, 12)))) for _ in range(chance.choice([1, 1, 1, 2]))]
            for _ in range(chance.randrange(1, 5))])


def main():
    given = "\n".join(one.hex() for one in names())
    done = subprocess.run(["java", str(HERE / "DnNames.java")], input=given, text=True, check=True,
                          stdout=subprocess.PIPE)
    (HERE / "dn_names.tsv").write_text(done.stdout)


if __name__ == "__main__":
    main()
