"""What several tests share: servers that misbehave on purpose, a certificate authority, a proxy."""
