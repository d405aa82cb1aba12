# SPDX-License-Identifier: Apache-2.0
"""kafka-python, 2.0.2 and newer: the same calls, other token providers."""
import logging
import re

import hello
import kafka

try:
    from kafka.net.sasl.oauth import AbstractTokenProvider
except ImportError:  # 2.0.2
    from kafka.oauth.abstract import AbstractTokenProvider


class Provider(AbstractTokenProvider):
    def __init__(self, token):
        super().__init__()
        self._given = token

    def token(self):
        return self._given

    def extensions(self):
        return {}


def settings(given):
    conf = {"bootstrap_servers": given["bootstrap"].split(","),
            "security_protocol": given["protocol"], "request_timeout_ms": 11000}
    if "api_version_auto_timeout_ms" in kafka.KafkaProducer.DEFAULT_CONFIG:
        conf |= {"api_version_auto_timeout_ms": 5000}
    if given.get("ca"):
        conf |= {"ssl_cafile": given["ca"]}
    if given.get("certificate"):
        conf |= {"ssl_certfile": given["certificate"], "ssl_keyfile": given["key"]}
    mechanism = given.get("mechanism")
    if "SASL" in given["protocol"]:
        conf |= {"sasl_mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        conf |= {"sasl_oauth_token_provider": Provider(given["token"])}
    elif mechanism == "GSSAPI":
        try:
            import gssapi  # noqa: F401  pylint: disable=unused-import,import-outside-toplevel
        except ImportError as problem:
            raise hello.Absent("needs the package gssapi, which has no wheels") from problem
        conf |= {"sasl_kerberos_service_name": "kafka", "sasl_kerberos_domain_name": "localhost"}
    elif mechanism:
        conf |= {"sasl_plain_username": given["username"],
                 "sasl_plain_password": given["password"]}
    return conf


class Notes(logging.Handler):
    """What the library only logs: why it could not connect, and what it had asked for last.

    It drops the answer of a broker that closes the connection behind it, as Kafka does.
    """

    def __init__(self):
        super().__init__()
        self.asked = "nothing"
        self.lines = {}
        logger = logging.getLogger("kafka")
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)

    def emit(self, record):
        line = record.getMessage()
        request = re.search(r" Request \d+: (\w+)\(", line)
        answer = re.search(r"Sasl\w*Response.*error_code=[1-9].*", line)
        if request:
            self.asked = request.group(1)
        elif answer:
            self.lines[answer.group(0)] = True
        elif record.levelno >= logging.ERROR:
            failure = record.exc_info[1] if record.exc_info else ""
            end = re.sub("<.*>", "", line)
            self.lines[f"after {self.asked}{end} {failure}"] = True


def hold(given):
    notes = Notes()
    try:
        return talk(given)
    except kafka.errors.KafkaError as problem:
        raise RuntimeError(f"{type(problem).__name__}: {problem}; {'; '.join(notes.lines)}"
                           ) from problem


def talk(given):
    deadline = hello.Deadline()
    producer = kafka.KafkaProducer(**settings(given), acks="all", retries=1, max_block_ms=8000)
    sent = [producer.send(given["topic"], str(i).encode(), partition=0)
            for i in range(hello.COUNT)]
    for future in sent:
        future.get(timeout=deadline.left())
    producer.close(timeout=2)
    consumer = kafka.KafkaConsumer(given["topic"], **settings(given), group_id=given["group"],
                                   auto_offset_reset="earliest", session_timeout_ms=10000)
    received = []
    while len(received) < hello.COUNT:
        # Not in short pieces: where one ends between the answer to SyncGroup and what follows it,
        # kafka-python 3.0.12 has its partitions, believes that it joined, and never fetches.
        for records in consumer.poll(timeout_ms=int(deadline.left() * 1000)).values():
            received += [record.value.decode() for record in records]
    consumer.close()
    return received


if __name__ == "__main__":
    hello.main(kafka.__version__, hold)
