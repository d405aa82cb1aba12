# SPDX-License-Identifier: Apache-2.0
"""What the Python drivers share: one JSON argument in, one JSON line out."""
import json
import sys
import time

LIMIT_S = 25
COUNT = 5


class Absent(Exception):
    """This client has no means to do what was asked."""


class Deadline:
    def __init__(self):
        self.end = time.monotonic() + LIMIT_S

    def left(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not within {LIMIT_S} s")
        return left


def main(version, hold):
    """`hold(given)` produces COUNT records and gives the values that it read back."""
    given = json.loads(sys.argv[1])
    answer = {"version": version}
    try:
        received = sorted(hold(given))
        answer |= {"ok": received == [str(i) for i in range(COUNT)], "received": len(received)}
        if not answer["ok"]:
            answer["error"] = f"received {received}"
    except Absent as absent:
        answer |= {"absent": str(absent)}
    except Exception as problem:  # pylint: disable=broad-except  # any failure is an answer
        answer |= {"ok": False, "error": f"{type(problem).__name__}: {problem}"}
    print(json.dumps(answer), flush=True)
