"""A checkpoint that is not kept: after a restart the stream begins at START_FROM."""

from vcenter_source.state.checkpoint import Checkpoint


class MemoryStore:
    """Forgets, and belongs to nobody else."""

    def load(self) -> Checkpoint | None:
        """Nothing is ever found."""
        return None

    def claim(self) -> None:
        """Nobody else has it."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Nothing is kept."""

    def check(self) -> bool:
        """Nobody can take it over."""
        return True

    @property
    def removal_command(self) -> str:
        """There is nothing to remove."""
        return "true"
