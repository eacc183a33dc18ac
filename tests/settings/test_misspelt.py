"""A variable that is one slip away from a setting is warned of, by every program that reads settings."""

import pytest

from tests.support.processes import process
from vcenter_functions.spelling import find_misspelt, is_one_slip
from vcenter_source.settings.environment import list_variables
from vcenter_source.settings.source import Settings

WARNING = "variable is not a setting; is it misspelt?"


@pytest.mark.parametrize(
    "variable", ["MAX_IN_FLIHGT", "MAX_IN_FLIGH", "MAX_IN_FLIGHTS", "MAX_IN_FLIGTH", "MAX_IN-FLIGHT", "AX_IN_FLIGHT"]
)
def test_a_name_one_slip_away_is_found(variable: str) -> None:
    assert list(find_misspelt({variable: "5"}, list_variables(Settings))) == [(variable, "MAX_IN_FLIGHT")]


@pytest.mark.parametrize(
    "environment",
    [
        {"MAX_IN_FLIGHT": "5"},
        {"MAX_IN_LIGTH": "5"},  # two slips
        {"MAX_IN_FLIHGT": ""},
        {"LOGLEVEL": "info"},
        {"WEALTH_PORT": "tcp://10.0.0.1:80", "WEALTH_SERVICE_HOST": "10.0.0.1"},
        {"POST": "1", "HOSTS": "a", "TAGS": "b"},
        {"max_in_flight": "5"},
    ],
)
def test_what_is_a_setting_or_anothers_or_too_far_away_is_not(environment: dict[str, str]) -> None:
    names = list_variables(Settings) | {"HOST", "PORT", "TAG"}
    assert list(find_misspelt(environment, names)) == []


def test_no_setting_is_one_slip_from_another() -> None:
    names = list_variables(Settings)
    assert [(one, other) for one in names for other in names if is_one_slip(one, other)] == []


@pytest.mark.parametrize(
    ("command", "settings", "setting"),
    [
        (["vcenter_source", "run"], {"K_SINK": "-", "VCENTER_URL": "http://127.0.0.1:9"}, "MAX_IN_FLIGHT"),
        (["vcenter_source", "doctor"], {"K_SINK": "-", "VCENTER_URL": "http://127.0.0.1:9"}, "OPENFAAS_TIMEOUT"),
        (["vcenter_source", "openfaas-shim"], {"PORT": "1", "HOST": "192.0.2.1"}, "DRAIN_TIMEOUT"),
        (["pytag"], {"VCENTER_URL": "vc", "TAG": "a/b", "PORT": "1", "HOST": "192.0.2.1"}, "TAG_ACTION"),
    ],
    ids=["run", "doctor", "shim", "pytag"],
)
def test_each_program_warns_at_its_start(command: list[str], settings: dict[str, str], setting: str) -> None:
    misspelt = setting[:-2] + setting[:-3:-1]
    given = settings | {"VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p", misspelt: "attach", "LOG_FORMAT": "json"}
    with process(*command, **given) as running:
        _, errors = running.communicate(timeout=50)
    (line,) = [line for line in errors.splitlines() if WARNING in line]
    assert f'"variable":"{misspelt}"' in line.replace(": ", ":")
    assert f'"did_you_mean":"{setting}"' in line.replace(": ", ":")
