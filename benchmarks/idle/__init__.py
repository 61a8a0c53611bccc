"""What idle decoding finds of short activities, and what it saves."""
