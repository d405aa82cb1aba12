# SPDX-License-Identifier: Apache-2.0
"""A Kerberos realm of one test: a KDC of Debian's on a free port, without root's services."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

REALM = "GYRE.TEST"


def is_installed():
    return all(shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
               for name in ("krb5kdc", "kadmin.local", "kdb5_util", "kinit"))


class Kdc:
    """principals: names with passwords; services: names whose keys lie in `keytab`."""

    def __init__(self, home, principals, services):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.keytab = self.home / "service.keytab"
        self.environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
                            "KRB5_CONFIG": str(self.home / "krb5.conf"),
                            "KRB5_KDC_PROFILE": str(self.home / "kdc.conf"),
                            "KRB5CCNAME": str(self.home / "tickets"),
                            "KRB5RCACHEDIR": str(self.home), "TMPDIR": str(self.home)}
        self.write_files()
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for name, password in principals.items():
            self.run("kadmin.local", "-r", REALM, "-q", f"addprinc -pw {password} {name}")
        for name in services:
            self.run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {name}")
            self.run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {self.keytab} {name}")
        self.process = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=self.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def write_files(self):
        (self.home / "krb5.conf").write_text(f"""[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    rdns = false
    dns_canonicalize_hostname = false
[realms]
    {REALM} = {{
        kdc = 127.0.0.1:{self.port}
    }}
[domain_realm]
    localhost = {REALM}
""")
        (self.home / "kdc.conf").write_text(f"""[kdcdefaults]
    kdc_ports = {self.port}
    kdc_tcp_ports = {self.port}
[realms]
    {REALM} = {{
        database_name = {self.home}/principal
        key_stash_file = {self.home}/stash
        acl_file = {self.home}/kadm5.acl
    }}
""")

    def run(self, *words, stdin=None):
        subprocess.run(words, env=self.environment, input=stdin, check=True, capture_output=True,
                       text=True)

    def wait(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the KDC does not listen")

    def login(self, name, password):
        self.run("kinit", name, stdin=f"{password}\n")

    def stop(self):
        self.process.terminate()
        self.process.wait()
