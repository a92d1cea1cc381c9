"""``python -m fastbatch.cli``."""

from __future__ import annotations

from fastbatch.cli import main

main()
