"""``vcenter-source doctor``: whether all that ``run`` needs is there and works, and what to do where it is not."""
