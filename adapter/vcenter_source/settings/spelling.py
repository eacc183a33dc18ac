"""Misspelt settings: a variable such as MAX_IN_FLIHGT would otherwise be ignored without a word."""

import os

import structlog
from pydantic import BaseModel

from vcenter_functions.spelling import find_misspelt
from vcenter_source.settings.environment import list_variables

log = structlog.get_logger()


def warn_of_misspelt(*kinds: type[BaseModel]) -> None:
    """Log a warning for each variable of the environment that is one slip away from a setting of these kinds."""
    settings = frozenset[str]().union(*map(list_variables, kinds))
    for variable, setting in find_misspelt(os.environ, settings):
        log.warning("variable is not a setting; is it misspelt?", variable=variable, did_you_mean=setting)
