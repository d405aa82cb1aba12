# SPDX-License-Identifier: Apache-2.0
"""A Kerberos realm of one machine: Debian's krb5-kdc in a directory and on a port of its own."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

REALM = "GYRE.TEST"
USER = "alice"
START_TIMEOUT_S = 10

CLIENT_CONF = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
    default_ccache_name = FILE:{home}/ccache
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {realm}
"""

KDC_CONF = """\
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {home}/principal
        key_stash_file = {home}/stash
        max_life = 1h
    }}
"""


def _find(program):
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def _free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Realm:
    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True)
        port = _free_port()
        (self.home / "krb5.conf").write_text(
            CLIENT_CONF.format(realm=REALM, home=self.home, port=port))
        (self.home / "kdc.conf").write_text(
            KDC_CONF.format(realm=REALM, home=self.home, port=port))
        self.keytab = self.home / "kafka.keytab"
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for host in ("localhost", "127.0.0.1"):
            self.admin(f"addprinc -randkey kafka/{host}")
            self.admin(f"ktadd -k {self.keytab} kafka/{host}")
        self.admin(f"addprinc -pw secret {USER}")
        self.kdc = subprocess.Popen([_find("krb5kdc"), "-n", "-r", REALM],
                                    env=self.environment(), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        self.wait(port)
        self.run("kinit", USER, stdin="secret\n")

    def environment(self):
        return dict(os.environ, KRB5_CONFIG=str(self.home / "krb5.conf"),
                    KRB5_KDC_PROFILE=str(self.home / "kdc.conf"),
                    KRB5CCNAME=f"FILE:{self.home / 'ccache'}")

    def run(self, program, *words, stdin=None):
        subprocess.run([_find(program), *words], env=self.environment(), check=True, text=True,
                       input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def admin(self, query):
        self.run("kadmin.local", "-r", REALM, "-q", query)

    @staticmethod
    def wait(port):
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def server_environment(self):
        """For gyred, which inherits it from `gyre dev up`."""
        return {"KRB5_CONFIG": str(self.home / "krb5.conf"), "KRB5_KTNAME": str(self.keytab),
                "KRB5RCACHENAME": f"dfl:{self.home / 'replays'}"}

    def client_environment(self):
        return {"KRB5_CONFIG": str(self.home / "krb5.conf"),
                "KRB5CCNAME": f"FILE:{self.home / 'ccache'}"}

    def settings(self):
        return ["sasl.kerberos.service.name=kafka", "gyre.sasl.kerberos.host=localhost",
                f"gyre.sasl.kerberos.keytab={self.keytab}"]

    def stop(self):
        self.kdc.terminate()
        self.kdc.wait()


def start(home):
    """A realm, or None where krb5-kdc is not installed."""
    if not all(map(_find, ("krb5kdc", "kadmin.local", "kdb5_util", "kinit"))):
        return None
    return Realm(home)
