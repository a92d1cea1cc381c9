"""The way of an event from a message to its delivery report."""
