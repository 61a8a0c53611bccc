"""How much CPU and memory har-monitor needs, beside other ways to do the same."""
