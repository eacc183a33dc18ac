"""What ``--help`` looks like, and which settings of ``run`` it names."""

import sys
from typing import Any

SETTINGS_PAGE = "https://github.com/vcenter-source/vcenter-source/blob/main/docs/settings.md"

RUN_SETTINGS = f"""The settings that matter; the others are in docs/settings.md, {SETTINGS_PAGE}

\b
VCENTER_URL          the vCenter; VCENTERS_FILE for several
VCENTER_USERNAME     the account, with VCENTER_PASSWORD
VCENTER_CA_FILE      the authority that signed its certificate
K_SINK               where events go; Knative sets it
EVENT_TYPES          which ones; default: all
START_FROM           where to begin without a checkpoint: now, beginning, -1h
CHECKPOINT           where to resume: memory:, file:///PATH, configmap://NAME
DEAD_LETTER_SINK     where refused events go, or a folder: DEAD_LETTER_PATH
LEASE                one of several adapters delivers
VIEWER               the address of the event viewer
LOG_LEVEL            debug, info, warning or error; LOG_FORMAT=json
"""
"""The end of ``run --help``."""


def is_for_people() -> bool:
    """Whether a terminal shows what this program prints. A program that reads it gets plain lines, none wrapped."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def choose_context() -> dict[str, Any]:
    """Return the settings of click: -h is --help everywhere, and lines are wrapped for people only."""
    names: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    return names if is_for_people() else names | {"terminal_width": 10_000}
