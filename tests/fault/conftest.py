"""What the tests of faults share."""

from tests.support.flag_fixtures import calls, flag_server, make_flags

__all__ = ["calls", "flag_server", "make_flags"]
