# SPDX-License-Identifier: Apache-2.0
"""Who signs JSON web tokens, with openssl alone, and what its tokens look like on the wire."""
import base64
import json
import subprocess
import time

from region import run

ISSUER = "https://issuer.test"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An RSA key of openssl's, and the set of keys that brokers know it by, as a file."""

    def __init__(self, home, kid="k1"):
        self.kid = kid
        self.key = home / f"signer-{kid}.pem"
        self.jwks = home / f"jwks-{kid}.json"
        run("openssl", "genrsa", "-out", self.key, "2048")
        modulus = run("openssl", "rsa", "-in", self.key, "-noout", "-modulus")
        number = bytes.fromhex(modulus.split("=")[1].strip())
        self.public = {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
                       "n": base64url(number), "e": "AQAB"}
        self.jwks.write_text(json.dumps({"keys": [self.public]}))

    def token(self, **claims):
        now = int(time.time())
        claims = {"sub": "alice", "iss": ISSUER, "aud": "gyre", "iat": now, "exp": now + 600,
                  **claims}
        text = ".".join(base64url(json.dumps(part).encode())
                        for part in ({"alg": "RS256", "kid": self.kid}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.key)],
                                   input=text.encode(), capture_output=True, check=True).stdout
        return f"{text}.{base64url(signature)}"


def bearer(token):
    """A client's first message of OAUTHBEARER."""
    return b"n,,\x01auth=Bearer " + token.encode() + b"\x01\x01"
