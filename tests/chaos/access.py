# SPDX-License-Identifier: Apache-2.0
"""How brokers and clients of a region come together: openly, or protected as in earnest.

Protected means TLS and SCRAM for clients, mutual TLS with an authority of its own between brokers,
and rules that let the clients do their work and nothing else.
"""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GYRE_BIN") or ROOT / "build" / "release" / "bin")
PASSWORDS = {"admin": "of-the-admin", "worker": "of-the-worker"}


class Open:
    """Everybody may do everything."""

    protocol = "PLAINTEXT"

    def prepare_broker(self, number, address):
        """Lines of the configuration."""
        return []

    def format(self, conf):
        pass

    def client(self, name):
        """Properties of librdkafka."""
        return {}

    def grant(self, bootstrap, topic, groups):
        pass


class Protected:
    """Certificates, passwords and rules."""

    protocol = "SASL_SSL"

    def __init__(self, directory):
        self.pki = directory / "pki"
        self.links = directory / "pki-links"
        for authority in (self.pki, self.links):
            self._gyre("pki", "init", "--dir", authority)

    def _gyre(self, *words):
        subprocess.run([str(BIN / "gyre"), *map(str, words)], check=True, capture_output=True,
                       text=True)

    def prepare_broker(self, number, address):
        for authority in (self.pki, self.links):
            self._gyre("pki", "issue", f"broker-{number}", "--broker", "--ip", address, "--dir",
                       authority)
        return [f"ssl.keystore.location={self.pki}/broker-{number}.pem",
                "security.inter.broker.protocol=SSL",
                f"listener.name.rpc.ssl.keystore.location={self.links}/broker-{number}.pem",
                f"listener.name.rpc.ssl.truststore.location={self.links}/ca.crt",
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:admin", "sasl.enabled.mechanisms=SCRAM-SHA-256"]

    def format(self, conf):
        subprocess.run([str(BIN / "gyred"), "format",
                        *[f"--add-scram=SCRAM-SHA-256=[name={name}]" for name in PASSWORDS],
                        str(conf)], input="\n".join(PASSWORDS.values()) + "\n", check=True,
                       capture_output=True, text=True)

    def client(self, name):
        return {"security.protocol": "SASL_SSL", "ssl.ca.location": str(self.pki / "ca.crt"),
                "sasl.mechanisms": "SCRAM-SHA-256", "sasl.username": name,
                "sasl.password": PASSWORDS[name]}

    def grant(self, bootstrap, topic, groups):
        properties = self.pki / "admin.properties"
        properties.write_text("".join(f"{key}={value}\n"
                                      for key, value in self.client("admin").items()))
        self._gyre("acl", "grant", "--principal", "User:worker", "--producer", "--consumer",
                   "--topic", topic, *[word for group in groups for word in ("--group", group)],
                   "--bootstrap-server", bootstrap, "--command-config", properties)
