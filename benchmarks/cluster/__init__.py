"""What becomes of the shards of a large site when machines fail, by simulation."""
