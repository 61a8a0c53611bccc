"""Real servers for the tests, one process or thread each, on ports that the kernel chooses."""
