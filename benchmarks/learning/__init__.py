"""What a model gains on a camera if its false alarms are dismissed and trained on."""
