"""VI/JSON, the JSON that vCenter speaks beside SOAP from 8.0 Update 1 on. Native asyncio, without a thread.

Sources: "Virtual Infrastructure JSON API" (developer.broadcom.com: overview, and the page of each method) and two
clients, govmomi's ``vim25/soap/json_client.go`` and noclue/vim_rs' ``core/client.rs``, whose authors run it on real
vCenters. Where they differ, the code says so.
"""
