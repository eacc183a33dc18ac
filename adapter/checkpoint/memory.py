"""A checkpoint that is not kept: after a restart the stream begins at START_FROM."""

from adapter.checkpoint import Checkpoint


class MemoryStore:
    """Forgets."""

    def load(self) -> Checkpoint | None:
        """Nothing is ever found."""
        return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Nothing is kept."""
