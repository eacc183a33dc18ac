"""Events to OpenFaaS functions, through the gateway: which function wants an event, in what shape, and who has it."""
