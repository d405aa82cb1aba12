# SPDX-License-Identifier: Apache-2.0
"""What clients say when they are refused: each case by its own words, not by any failure.

Most clients pass on what the broker says, or the name of the TLS alert. `OWN` holds those that do
not, with what they make of it.
"""
import re

PASSWORD = ("wrong-password", "unknown-user")
SAID = {
    "expired-token": r"invalid_token",
    "wrong-mechanism": r"not enabled in the server|Unsupported SASL mechanism"
                       r"|UNSUPPORTED_SASL_MECHANISM|not support the requested SASL mechanism",
    "no-certificate": r"certificate.required",
    "expired-certificate": r"certificate.expired|expired certificate",
    "revoked-certificate": r"certificate.revoked|revoked certificate",
    # Some show nothing where the broker does not name their authority.
    "foreign-certificate": r"unknown.ca|certificate.required",
    "foreign-broker": r"certificate verify failed|unable to find valid certification path"
                      r"|signed by unknown authority|self-signed certificate in certificate chain",
}
# It often meets the end of the connection before it has looked at the answer in front of it.
KAFKA_PYTHON = r"error_code={}|after {}: socket disconnected"
# Of version 0 of the handshake, in which the broker has no words for a refusal; and it may still
# be writing when the broker has refused its certificate.
OLD_KAFKA_PYTHON = (r"after SaslHandShakeRequest_v0: Error receiving reply from server "
                    r"Connection reset")
OWN = {
    ("kafka-python-2.0.2", "wrong-password"): OLD_KAFKA_PYTHON,
    ("kafka-python-2.0.2", "unknown-user"): OLD_KAFKA_PYTHON,
    ("kafka-python-2.0.2", "wrong-mechanism"):
        r"error_code=33|after SaslHandShakeRequest_v0: socket disconnected",
    ("kafka-python-2.0.2", "no-certificate"): r"certificate.required|SSLEOFError",
    ("kafka-python-2.0.2", "expired-certificate"): r"certificate.expired|SSLEOFError",
    ("kafka-python-2.0.2", "revoked-certificate"): r"certificate.revoked|SSLEOFError",
    ("kafka-python-2.0.2", "foreign-certificate"): r"unknown.ca|certificate.required|SSLEOFError",
    ("kafka-python", "wrong-password"): KAFKA_PYTHON.format(58, "SaslAuthenticateRequest"),
    ("kafka-python", "unknown-user"): KAFKA_PYTHON.format(58, "SaslAuthenticateRequest"),
    ("kafka-python", "expired-token"): KAFKA_PYTHON.format(58, "SaslAuthenticateRequest"),
    ("kafka-python", "wrong-mechanism"): KAFKA_PYTHON.format(33, "SaslHandshakeRequest"),
    # It takes the broker's answer for the end of the exchange, and its next request for lost.
    ("kafkajs", "expired-token"): r"Closed connection",
    # They expect no words in an answer to a token.
    ("franz-go", "expired-token"): r"unexpected data in oauth response",
    ("kafka-python-2.0.2", "expired-token"):
        r"AuthenticationFailedError: Unrecognized response during authentication",
}


def find(client, case, mechanism):
    """The expression; None for a case in which nobody is refused."""
    if case in PASSWORD:
        said = ("Authentication failed: Invalid username or password" if mechanism == "PLAIN" else
                f"due to invalid credentials with SASL mechanism {mechanism}")
        return re.compile(OWN.get((client, case), said))
    said = OWN.get((client, case), SAID.get(case))
    return re.compile(said, re.IGNORECASE) if said else None
