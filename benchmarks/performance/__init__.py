"""How much of a machine har-monitor needs, beside other ways to do the same."""
