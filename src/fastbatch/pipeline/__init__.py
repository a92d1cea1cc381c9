"""What happens to a message between the queue and its outcome."""
