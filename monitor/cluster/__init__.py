"""Cluster: shards of a site, and jobs, on machines of a Ray cluster. Only `ray_*` imports Ray.

May import: config, health, lease, store, and the modules at the top of monitor.
"""
