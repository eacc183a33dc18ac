"""The measurements run, and say what they found."""

import re
import subprocess
import sys

import pytest

from tests.support import clean_environment


@pytest.mark.guarantees
def test_memory_stays_under_its_limit_while_the_sink_is_down_for_an_hour() -> None:
    command = [sys.executable, "-m", "bench.memory", "--events", "3000"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    tries = re.search(r"([\d,]+) tries", done.stdout)
    waiting, drained = map(int, re.findall(r": (\d+) MiB", done.stdout))
    assert tries is not None
    assert int(tries[1].replace(",", "")) > 300, "an hour of tries, half a minute apart at the most"
    assert 20 < waiting <= drained < 150
