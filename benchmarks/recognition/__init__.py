"""Every network, tested on clips, streams and regions of scenes that it never saw."""
