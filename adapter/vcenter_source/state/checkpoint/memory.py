"""No checkpoint: after a restart, reading begins at START_FROM."""

from vcenter_source.state.checkpoint import Checkpoint, NamedCheckpoint


class MemoryStore:
    """A store that keeps nothing."""

    def load(self) -> Checkpoint | None:
        """Return None: nothing was kept."""
        return None

    def claim(self) -> None:
        """Do nothing: no other process shares the store."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Do nothing."""

    def check(self) -> bool:
        """Return True: nobody can take the store over."""
        return True

    def list_others(self) -> list[NamedCheckpoint]:
        """Return none: nothing was kept."""
        return []

    @property
    def removal_command(self) -> str:
        """A command that does nothing: there is nothing to remove."""
        return "true"
