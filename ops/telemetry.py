#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints this machine's telemetry from /proc, once a second: NAME, a tab, a JSON object; a line
each for cpu, memory, network and disk. ops/quickstart feeds a topic with it."""
import json
import os
import time

SECTOR_BYTES = 512


def cpu():
    """Ticks since the start of the machine: busy and all."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return {"busy": sum(ticks) - ticks[3] - ticks[4], "all": sum(ticks)}


def network():
    """Bytes since the start, of all interfaces but loopback."""
    total = {"received": 0, "sent": 0}
    with open("/proc/net/dev", encoding="ascii") as file:
        for line in file.readlines()[2:]:
            name, counters = line.split(":")
            if name.strip() != "lo":
                total["received"] += int(counters.split()[0])
                total["sent"] += int(counters.split()[8])
    return total


def disk():
    """Bytes since the start, of whole disks."""
    total = {"read": 0, "written": 0}
    with open("/proc/diskstats", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if os.path.isdir(f"/sys/block/{words[2]}/device"):
                total["read"] += int(words[5]) * SECTOR_BYTES
                total["written"] += int(words[9]) * SECTOR_BYTES
    return total


def memory():
    """Bytes, and the share of what is in use."""
    found = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, value = line.split(":")
            found[name] = int(value.split()[0]) * 1024
    used = found["MemTotal"] - found["MemAvailable"]
    return {"total_bytes": found["MemTotal"], "used_bytes": used,
            "used_percent": round(100 * used / found["MemTotal"], 1)}


def rates(before, after, seconds):
    return {f"{name}_bytes_per_s": round((after[name] - before[name]) / seconds)
            for name in before}


def sample():
    return time.monotonic(), cpu(), network(), disk()


def main():
    began, cpu_before, network_before, disk_before = sample()
    while True:
        time.sleep(1)
        now, cpu_now, network_now, disk_now = sample()
        ticks = max(1, cpu_now["all"] - cpu_before["all"])
        lines = {
            "cpu": {"busy_percent": round(100 * (cpu_now["busy"] - cpu_before["busy"]) / ticks, 1),
                    "load_1m": os.getloadavg()[0]},
            "memory": memory(),
            "network": rates(network_before, network_now, now - began),
            "disk": rates(disk_before, disk_now, now - began),
        }
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for name, values in lines.items():
            record = {"time": stamp, "host": os.uname().nodename, "what": name, **values}
            print(f"{name}\t{json.dumps(record)}", flush=True)
        began, cpu_before, network_before, disk_before = now, cpu_now, network_now, disk_now


if __name__ == "__main__":
    main()
