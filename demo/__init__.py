"""The whole way of an event in one command: python -m demo."""
