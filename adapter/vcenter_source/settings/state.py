"""The settings of what outlives a process: the checkpoint, and the Lease that decides who delivers."""

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from vcenter_source.settings.environment import EnvironmentSettings, either

OBJECT_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""``[namespace/]name`` of a Kubernetes object (RFC 1123's label and subdomain)."""

IN_MEMORY = "memory:"
"""The CHECKPOINT that keeps nothing."""


class StateSettings(EnvironmentSettings):
    """Where the position is kept, and which of several adapters delivers."""

    checkpoint: Annotated[str, either("CHECKPOINT")] = IN_MEMORY
    """Where the position is kept over a restart: `file:///path`, `configmap://[namespace/]name` for a Kubernetes
    ConfigMap, or `memory:` to keep none. With `VCENTERS_FILE` each vCenter has a key of its own in the ConfigMap, and a
    file of its own: `NAME.json` in the folder `file:///path/`, or `path.NAME.json` beside the file `path.json`."""

    checkpoint_interval: Annotated[float, either("CHECKPOINT_INTERVAL")] = Field(default=1.0, gt=0)
    """The least seconds between two saves of the checkpoint. It is also saved at a clean stop."""

    lease: Annotated[str | None, either("LEASE")] = None
    """A Kubernetes Lease, `[namespace/]name`. Of the adapters that share the Lease and a `CHECKPOINT`, one delivers and
    the others stand by. With `VCENTERS_FILE` each vCenter has a Lease of its own, `name-VCENTER`, and the adapters
    divide the vCenters among them. While the API server is away, no adapter can be sure of a Lease, and none delivers.
    Unset: this adapter delivers."""

    lease_duration: Annotated[int, either("LEASE_DURATION")] = Field(default=12, ge=1)
    """Seconds without a renewal after which another adapter takes the Lease over. It is renewed every 2/15 of this
    time; an adapter that could not renew it for 2/3 of this time stops delivering."""

    @field_validator("lease")
    @classmethod
    def _check_object_name(cls, value: str | None) -> str | None:
        if value is not None and not OBJECT_NAME.fullmatch(value):
            raise ValueError("not [namespace/]name, of lower-case letters, digits, - and .")
        return value

    @model_validator(mode="after")
    def _check_shared(self) -> Self:
        if self.lease is not None and self.checkpoint == IN_MEMORY:
            raise ValueError("LEASE: needs a CHECKPOINT that the next holder can read, such as configmap://name")
        return self
