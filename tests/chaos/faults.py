# SPDX-License-Identifier: Apache-2.0
"""What is done to the brokers, and in which order.

Every fault heals what it broke; afterwards each producer must get an acknowledgement from each
partition before the next one begins, so a finding belongs to the fault that stands above it.
"""
import signal
import time

RECOVERY_LIMIT_S = 60

# The short form: at least ten leaders are killed.
PLAN = {"kill_leader": 10, "stop_leader": 2, "unplug_leader": 1, "cut_leader_from_peers": 1,
        "deafen_leader": 1, "mute_leader": 1, "kill_two": 1, "kill_all": 1, "fill_disk": 1,
        "restart_in_turn": 1}


class Faults:
    def __init__(self, brokers, world, random):
        self.brokers = brokers
        self.world = world  # leader_of(partition), partitions, producers, sleep(seconds)
        self.random = random
        self.counts = {}
        self.leader_kills = 0
        self.kill_gaps = []
        self.restart_gaps = []
        self.recovery_s = []

    def plan(self):
        """The short form's faults in an order of the seed's; again and again."""
        while True:
            names = [name for name, count in PLAN.items() for _ in range(count)]
            self.random.shuffle(names)
            yield from names

    def inject(self, name):
        print(f"{self.world.clock():7.1f} s  {name}", end="", flush=True)
        begin = time.monotonic()
        getattr(self, name)()
        recovery_s = self.wait_served(begin)
        self.recovery_s.append(recovery_s)
        self.counts[name] = self.counts.get(name, 0) + 1
        print(f"; all served {recovery_s:.1f} s after it was healed", flush=True)

    def wait_served(self, fault_began):
        """Until all brokers are ready and every producer heard of every partition again."""
        begin = time.monotonic()
        waiting = [(producer, sent) for producer in self.world.producers for sent in producer.sent]
        for broker in self.brokers:
            broker.wait_ready()
        while waiting:
            self.world.sleep(0.05)
            waiting = [(producer, sent) for producer, sent in waiting
                       if sent.last is None or sent.last < begin]
            if time.monotonic() - begin > RECOVERY_LIMIT_S:
                names = sorted({f"{producer.name} at partition {producer.sent.index(sent)}"
                                for producer, sent in waiting})
                raise TimeoutError(f"no acknowledgement within {RECOVERY_LIMIT_S} s after the "
                                   f"fault that began {begin - fault_began:.1f} s before: {names}")
        self.world.wait_in_sync()
        return time.monotonic() - begin

    def _a_leader(self):
        partition = self.random.randrange(self.world.partitions)
        return self.brokers[self.world.leader_of(partition)]

    def _kill(self, *victims):
        """Gives the moment; says what was killed."""
        for broker in victims:
            print(f" {broker.number}", end="", flush=True)
        now = time.monotonic()
        for broker in victims:
            broker.signal(signal.SIGKILL)
        for broker in victims:
            broker.process.wait()
        return now

    def kill_leader(self):
        victim = self._a_leader()
        led = [p for p in range(self.world.partitions)
               if self.world.leader_of(p) == victim.number]
        killed = self._kill(victim)
        self.world.sleep(self.random.uniform(2.5, 5))
        victim.start()
        victim.wait_ready()
        self.wait_served(killed)
        gap = max(producer.sent[p].longest_gap(killed, time.monotonic())
                  for producer in self.world.producers for p in led)
        self.leader_kills += 1
        self.kill_gaps.append(gap)
        print(f" (led {led}, longest gap {gap:.2f} s)", end="", flush=True)

    def kill_two(self):
        victims = self.random.sample(list(self.brokers), 2)
        self._kill(*victims)
        self.world.sleep(self.random.uniform(0, 3))
        for victim in victims:
            victim.start()
            self.world.sleep(self.random.uniform(0, 1))

    def kill_all(self):
        self._kill(*self.brokers)
        for broker in self.brokers:
            broker.start()

    def stop_leader(self):
        victim = self._a_leader()
        duration = self.random.uniform(2, 8)
        print(f" {victim.number} for {duration:.1f} s", end="", flush=True)
        victim.signal(signal.SIGSTOP)
        self.world.sleep(duration)
        victim.signal(signal.SIGCONT)

    def _cut(self, victim, begin, end):
        duration = self.random.uniform(2, 8)
        print(f" {victim.number} for {duration:.1f} s", end="", flush=True)
        begin()
        self.world.sleep(duration)
        end()

    def unplug_leader(self):
        victim = self._a_leader()
        self._cut(victim, victim.unplug, victim.plug)

    def _lose(self, ways):
        def begin():
            for sender, receiver in ways:
                sender.lose_packets_to(receiver)

        def end():
            for sender, receiver in ways:
                sender.find_again(receiver)
        return begin, end

    def cut_leader_from_peers(self):
        """Clients still reach it: it must not acknowledge what no peer has."""
        victim = self._a_leader()
        ways = [way for other in self.brokers.others(victim)
                for way in ((victim, other), (other, victim))]
        self._cut(victim, *self._lose(ways))

    def deafen_leader(self):
        """It hears nothing from its peers, who hear it."""
        victim = self._a_leader()
        self._cut(victim, *self._lose([(other, victim) for other in self.brokers.others(victim)]))

    def mute_leader(self):
        """Its peers hear nothing from it, and it hears them."""
        victim = self._a_leader()
        self._cut(victim, *self._lose([(victim, other) for other in self.brokers.others(victim)]))

    def fill_disk(self):
        victim = self.brokers.all[-1]
        freed = victim.fill_disk()
        print(f" {victim.number}, by {freed >> 20} MiB", end="", flush=True)
        self.world.sleep(self.random.uniform(3, 6))
        victim.check()
        victim.free_disk()

    def restart_in_turn(self):
        """An operator's rolling restart: no producer may hear an error (checked as findings)."""
        begin = time.monotonic()
        for broker in self.brokers:
            took = broker.terminate()
            broker.start()
            broker.wait_ready()
            self.world.wait_in_sync()
            print(f" {broker.number} (gone after {took:.1f} s)", end="", flush=True)
        self.wait_served(begin)
        gap = max(sent.longest_gap(begin, time.monotonic())
                  for producer in self.world.producers for sent in producer.sent)
        self.restart_gaps.append(gap)
        print(f" (longest gap {gap:.2f} s)", end="", flush=True)
