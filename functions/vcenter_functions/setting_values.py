"""What a wrong value of a setting should be instead, in plain words. The adapter uses this, too."""

from pydantic_core import ErrorDetails

_WANTED = {
    "bool_parsing": "set true or false",
    "int_parsing": "set a whole number",
    "int_from_float": "set a whole number",
    "float_parsing": "set a number",
    "finite_number": "set a finite number",
    "greater_than": "set a number greater than {gt:g}",
    "greater_than_equal": "set a number of {ge:g} or more",
    "less_than": "set a number less than {lt:g}",
    "less_than_equal": "set a number of {le:g} or less",
    "literal_error": "set {expected}",
}
"""By pydantic's type of error; its own messages are sentences about its input."""


def describe_wrong_value(error: ErrorDetails) -> str:
    """Describe what is wrong with a setting's value, or what to set instead. The value itself is not repeated."""
    if wanted := _WANTED.get(error["type"]):
        return wanted.format_map(error.get("ctx", {}))
    message = error["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}"
