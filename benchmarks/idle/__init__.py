"""How many short activities idle decoding finds, and what it saves."""
