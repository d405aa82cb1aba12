# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka-python: librdkafka, newest."""
import confluent_kafka
import hello


def settings(given, failures):
    def on_error(error):
        # Alerts of TLS 1.3 come after the handshake, as errors of the transport.
        if error.code() in (confluent_kafka.KafkaError._AUTHENTICATION,  # pylint: disable=W0212
                            confluent_kafka.KafkaError._SSL,  # pylint: disable=W0212
                            confluent_kafka.KafkaError.SASL_AUTHENTICATION_FAILED) or \
                "SSL alert" in error.str():
            failures.append(error.str())

    conf = {"bootstrap.servers": given["bootstrap"], "security.protocol": given["protocol"],
            "error_cb": on_error}
    for key, name in (("ca", "ssl.ca.location"), ("certificate", "ssl.certificate.location"),
                      ("key", "ssl.key.location"), ("username", "sasl.username"),
                      ("password", "sasl.password")):
        if given.get(key):
            conf[name] = given[key]
    if "SASL" in given["protocol"]:
        conf["sasl.mechanism"] = given["mechanism"]
    if given.get("mechanism") == "OAUTHBEARER":
        conf["oauth_cb"] = lambda _: (given["token"], given["expires_s"])
    if given.get("mechanism") == "GSSAPI":
        raise hello.Absent("its wheels are built without Kerberos")
    return conf


def hold(given):
    failures = []
    deadline = hello.Deadline()

    def check():
        deadline.left()
        if failures:
            raise RuntimeError(failures[0])

    producer = confluent_kafka.Producer(settings(given, failures))
    for i in range(hello.COUNT):
        producer.produce(given["topic"], str(i), partition=0)
    while producer.flush(0.2) > 0:
        check()
    consumer = confluent_kafka.Consumer(settings(given, failures) | {
        "group.id": given["group"], "auto.offset.reset": "earliest"})
    consumer.subscribe([given["topic"]])
    received = []
    while len(received) < hello.COUNT:
        check()
        message = consumer.poll(0.2)
        if message is not None and message.error():
            raise confluent_kafka.KafkaException(message.error())
        if message is not None:
            received.append(message.value().decode())
    consumer.close()
    return received


if __name__ == "__main__":
    hello.main(confluent_kafka.version()[0] if isinstance(confluent_kafka.version(), tuple)
               else confluent_kafka.version(), hold)
