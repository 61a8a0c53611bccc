"""What installs and runs har-monitor, and what makes man pages and shell completion of its help."""
