"""Lets the suites import their neighbours: pytest's importlib mode leaves sys.path alone, a script's start does not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
