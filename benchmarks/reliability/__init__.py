"""How long har-monitor keeps watching while everything around it goes wrong."""
