"""What makes the site of the docs, and the settings page in it."""
