"""The event types that are promised."""

import json
from pathlib import Path

TYPES: dict[str, str] = json.loads((Path(__file__).parents[1] / "data" / "event-types.json").read_text())
