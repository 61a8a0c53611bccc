"""Whether a person detector, asked before an alert is raised, would drop the false ones."""
