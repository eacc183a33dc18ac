"""The least that a function can do: what the kit itself costs."""

from vcenter_functions import Event, on


@on()
async def do_nothing(event: Event) -> None:
    """Do nothing."""
