"""Addresses, sockets, TLS and proxies: what the adapter and the functions share of the network.

Nothing here imports another package of ours but ``vcenter_functions`` itself, which is empty.
"""
