"""Ways to carry a request to a server; `http` is the usual one."""
