# SPDX-License-Identifier: Apache-2.0
"""What a delegation token does not do for its bearer: outlive its owner, or shed his groups."""
import base64
import hashlib
import hmac
import os
import time

import pytest
from access_world import TOPIC_DENIED, Guest, errors, metadata_request
from kafka_cluster import NONE, Cluster
from kafka_wire import Closed, Connection
from region import PATIENCE, Region, eventually
from token_signer import ISSUER, Signer, bearer

USERS = {"root": "root-secret", "admin": "admin-secret"}


@pytest.fixture(scope="module", name="signer")
def make_signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module", name="region")
def make_region(signer):
    settings = ["sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                f"sasl.oauthbearer.jwks.endpoint.url=file://{signer.jwks}",
                f"sasl.oauthbearer.expected.issuer={ISSUER}",
                "sasl.oauthbearer.expected.audience=gyre",
                "gyre.sasl.oauthbearer.groups.claim.name=groups",
                "delegation.token.secret.key=a-secret-of-this-region"]
    with Region(brokers=1, listeners=["SASL_PLAINTEXT"], settings=settings, users=USERS,
                super_users=["root", "admin"]) as region:
        yield region


def sign(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Bearer(Guest):
    """Comes in with a delegation token, by SCRAM-SHA-256, or raises PermissionError."""

    def __init__(self, address, token):  # pylint: disable=super-init-not-called
        Connection.__init__(self, address)
        self.call("SaslHandshake", 1, mechanism="SCRAM-SHA-256")
        bare = f"n={token['token_id']},r={base64.b64encode(os.urandom(18)).decode()}"
        bare += ",tokenauth=true"
        first = self.step(b"n,," + bare.encode())
        values = dict(part.split("=", 1) for part in first.decode().split(","))
        password = base64.b64encode(token["hmac"])
        salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(values["s"]),
                                     int(values["i"]))
        without_proof = f"c=biws,r={values['r']}".encode()
        said = bare.encode() + b"," + first + b"," + without_proof
        client_key = sign(salted, b"Client Key")
        signature = sign(hashlib.sha256(client_key).digest(), said)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.step(without_proof + b",p=" + base64.b64encode(proof))

    def step(self, message):
        answer = self.call("SaslAuthenticate", 1, auth_bytes=message)
        if answer["error_code"] != NONE:
            raise PermissionError(answer["error_message"])
        return answer["auth_bytes"]


def make_token(connection):
    made = connection.call("CreateDelegationToken", 2, renewers=[], max_lifetime_ms=-1)
    assert made["error_code"] == NONE
    return made


def test_a_token_ends_with_its_owner(region):
    address = region.address(0)
    region.on("user", "create", "carol", stdin="carol-secret\n")
    with Connection(address) as carol, Connection(address) as admin:
        eventually(lambda: carol.log_in("carol", "carol-secret") or True)
        admin.log_in("admin", USERS["admin"])
        token, other = make_token(carol), make_token(admin)
    with Bearer(address, token) as bearer_of_token, Bearer(address, other) as bearer_of_other:
        assert bearer_of_token.call("Metadata", 12, topics=[])["brokers"]
        region.on("user", "rotate", "carol", stdin="another-secret\n")
        assert bearer_of_token.call("Metadata", 12, topics=[])["brokers"]
        began = time.monotonic()
        region.on("user", "delete", "carol")
        assert bearer_of_token.is_closed()
        assert time.monotonic() - began < PATIENCE
        assert bearer_of_other.call("Metadata", 12, topics=[])["brokers"]
    with pytest.raises((PermissionError, Closed)):
        Bearer(address, token)
    Bearer(address, other).socket.close()


def test_a_token_does_not_shed_the_groups_of_its_owner(region, signer):
    cluster = Cluster(region, ("admin", USERS["admin"]))
    for name, produce in (("all", "p"), ("most", "!g:interns")):
        answer = cluster.call("AlterStream", 0, name=f"/kept/{name}", is_creation=True, consume="",
                              produce=produce, topics="u:admin", admin="u:admin", copy="")
        assert answer["error_code"] == NONE, answer
        cluster.make(f"/kept/{name}:t", factor=1)
    cluster.close()

    def sees(connection, name):
        answer = Guest.ask(connection, "Metadata", 12, metadata_request(f"/kept/{name}:t"))[1]
        return TOPIC_DENIED not in errors(answer)

    for groups, sees_most in ((["interns"], False), (["staff"], True)):
        with Connection(region.address(0)) as owner:
            owner.call("SaslHandshake", 1, mechanism="OAUTHBEARER")
            proof = bearer(signer.token(sub="dora", groups=groups))
            assert owner.call("SaslAuthenticate", 1, auth_bytes=proof)["error_code"] == NONE
            assert sees(owner, "all") and sees(owner, "most") == sees_most
            token = make_token(owner)
        with Bearer(region.address(0), token) as bearer_of_token:
            assert sees(bearer_of_token, "all")
            assert not sees(bearer_of_token, "most")  # his groups are not known, and may be these
