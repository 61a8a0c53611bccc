"""Whether har-monitor keeps watching while everything around it goes wrong."""
