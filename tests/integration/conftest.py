# SPDX-License-Identifier: Apache-2.0
"""What the tests of this directory share: a three-broker region a file, others on demand."""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
from access_world import World, make_region  # noqa: E402
from kafka_cluster import Cluster  # noqa: E402
from region import Region  # noqa: E402

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def region():
    """Three brokers that a file's tests share: leave all of them running."""
    with Region() as shared:
        yield shared


@pytest.fixture(scope="module")
def cluster(region):  # pylint: disable=redefined-outer-name
    """Speaks to the region that a file's tests share."""
    speaking = Cluster(region)
    yield speaking
    speaking.close()


@pytest.fixture
def own_region():
    """Makes regions that belong to one test: own_region(brokers=3, settings=[...])."""
    made = []

    def make(**options):
        made.append(Region(**options))
        made[-1].up()
        return made[-1]

    yield make
    for one in made:
        one.destroy()


@pytest.fixture
def connect():
    """Speaks to a region until the test's end: connect(region)."""
    made = []

    def make(to):
        made.append(Cluster(to))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module", name="shared_world")
def make_shared_world():
    with make_region() as guarded:
        world_of_file = World(guarded)
        world_of_file.coordinator("readers")
        yield world_of_file
        world_of_file.close()


@pytest.fixture
def world(shared_world):
    """A region with users that a file's tests share; what a test says of alice ends with it."""
    yield shared_world
    shared_world.revoke_all()


@pytest.fixture
def topic(request):
    """A name that no other test uses."""
    return f"{request.node.name[:60].replace('[', '-').rstrip(']')}-{next(NUMBERS)}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what the brokers said last."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for value in item.funcargs.values():
            if isinstance(value, Region):
                report.sections.append(("the brokers' logs", value.logs()))
