"""What the tests of flags over a network share."""

from tests.support.flag_fixtures import calls, flag_server, make_flags

__all__ = ["calls", "flag_server", "make_flags"]
