"""What the adapter costs, measured side by side with what it stands between. Linux only, as it reads /proc."""
