"""A site on three nodes of a Ray cluster, in which something fails again and again."""
