"""From an encoded message in a core to its one known outcome."""
