"""The main job, shown in one command: python -m demo."""
