"""What installs and runs har-monitor, and what makes manuals and shell completion of its code."""
