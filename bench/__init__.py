"""What the adapter costs, measured beside its peers. Linux only, as it reads /proc."""
