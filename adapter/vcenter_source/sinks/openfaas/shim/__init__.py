"""``vcenter-source openfaas-shim``: CloudEvents over HTTP, to the OpenFaaS functions that subscribe to them."""
