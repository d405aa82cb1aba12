# SPDX-License-Identifier: Apache-2.0
"""What the matrix gives to clients: certificates (good, expired, revoked, foreign) and tokens.

Made with the command `openssl` alone, in a directory of the run.
"""
import base64
import json
import pathlib
import secrets
import subprocess
import time

AUTHORITY_DAYS = 30
CONFIG = """\
[ca]
default_ca = own
[own]
database = {home}/index.txt
new_certs_dir = {home}
certificate = {pki}/ca.crt
private_key = {pki}/ca.key
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
x509_extensions = client
rand_serial = yes
[any]
commonName = supplied
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True,
                          check=True).stdout


def _new_key(path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def make_authority(pki, name="Gyre matrix"):
    pki.mkdir(parents=True, exist_ok=True)
    _new_key(pki / "ca.key")
    openssl("req", "-x509", "-new", "-key", pki / "ca.key", "-subj", f"/CN={name}", "-days",
            AUTHORITY_DAYS, "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out",
            pki / "ca.crt")


class Certificates:
    """Client certificates of the authority in `pki`, and its list of those revoked."""

    def __init__(self, pki, home):
        self.pki = pathlib.Path(pki)
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.config = self.home / "openssl.cnf"
        self.config.write_text(CONFIG.format(home=self.home, pki=self.pki))
        (self.home / "index.txt").write_text("")

    def issue(self, name, start=None, end=None):
        """A pair of paths; `start` and `end` as YYYYMMDDHHMMSSZ."""
        key, certificate = self.home / f"{name}.key", self.home / f"{name}.crt"
        request = self.home / f"{name}.csr"
        _new_key(key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        life = ["-startdate", start, "-enddate", end] if end else ["-days", "10"]
        openssl("ca", "-batch", "-config", self.config, "-in", request, "-out", certificate,
                "-notext", *life)
        return str(certificate), str(key)

    def expired(self, name):
        return self.issue(name, "20200101000000Z", "20210101000000Z")

    def revoked(self, name):
        certificate, key = self.issue(name)
        openssl("ca", "-config", self.config, "-revoke", certificate)
        return certificate, key

    def write_revocations(self):
        path = self.home / "revoked.pem"
        openssl("ca", "-config", self.config, "-gencrl", "-out", path)
        return str(path)


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenIssuer:
    """Signs JSON web tokens (RS256) and publishes its key as a JWKS file."""

    AUDIENCE, ISSUER = "gyre", "https://issuer.matrix"

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.key = self.home / "issuer.key"
        self.id = secrets.token_hex(4)
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                self.key)
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().split("=")[1]
        self.jwks = self.home / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "e": "AQAB",
            "n": _encode(bytes.fromhex(modulus.strip()))}]}))

    def token(self, subject, lifetime_s=3600):
        """A token and when it expires; with a negative lifetime it has expired."""
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.id}
        issued = min(now, now + lifetime_s) - 60
        claims = {"sub": subject, "aud": self.AUDIENCE, "iss": self.ISSUER, "iat": issued,
                  "exp": now + lifetime_s, "scope": "kafka", "jti": secrets.token_hex(4)}
        body = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.key, stdin=body.encode())
        return f"{body}.{_encode(signature)}", now + lifetime_s
