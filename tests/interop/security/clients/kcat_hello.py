# SPDX-License-Identifier: Apache-2.0
"""kcat on Debian's librdkafka 2.0.2."""
import re
import subprocess

import hello


def options(given):
    words = ["-b", given["bootstrap"], "-X", f"security.protocol={given['protocol']}",
             "-X", "message.timeout.ms=8000"]
    for key, name in (("ca", "ssl.ca.location"), ("certificate", "ssl.certificate.location"),
                      ("key", "ssl.key.location"), ("username", "sasl.username"),
                      ("password", "sasl.password")):
        if given.get(key):
            words += ["-X", f"{name}={given[key]}"]
    mechanism = given.get("mechanism")
    if mechanism == "OAUTHBEARER":
        raise hello.Absent("the command takes no token, and its librdkafka no token endpoint")
    if mechanism == "GSSAPI":
        words += ["-X", "sasl.kerberos.kinit.cmd=true", "-X", "sasl.kerberos.service.name=kafka"]
    if "SASL" in given["protocol"]:
        words += ["-X", f"sasl.mechanism={mechanism}"]
    return words


def run(words, stdin, deadline):
    done = subprocess.run(["kcat", *words], input=stdin, capture_output=True, text=True,
                          timeout=deadline.left(), check=False)
    failure = re.search(r"authentication fail.*|SSL handshake failed.*|Unsupported.*mechanism.*",
                        done.stderr, re.I)
    if done.returncode != 0 or failure:
        raise RuntimeError(failure.group(0) if failure else done.stderr.strip()[-400:])
    return done.stdout


def hold(given):
    deadline = hello.Deadline()
    values = "".join(f"{i}\n" for i in range(hello.COUNT))
    run(["-P", "-t", given["topic"], "-p", "0", *options(given)], values, deadline)
    read = run(["-C", "-q", "-t", given["topic"], "-o", "beginning", "-c", str(hello.COUNT),
                *options(given)], "", deadline)
    return read.split()


if __name__ == "__main__":
    hello.main(re.search(r"librdkafka (\S+)", subprocess.run(
        ["kcat", "-V"], capture_output=True, text=True, check=True).stdout).group(1), hold)
