"""What the page costs: CPU with and without it, its viewers, its lists, its start."""
