"""The command group, and how errors are shown: in one line, without a traceback."""

from __future__ import annotations

from typing import Any

import click

from fastbatch.cli.collect import collect
from fastbatch.cli.demo import demo
from fastbatch.cli.doctor import doctor
from fastbatch.cli.send import send
from fastbatch.errors import FastbatchError
from fastbatch.version import VERSION

__all__ = ["app"]


class App(click.Group):
    """Shows what fastbatch raises on purpose as click shows its own errors."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (FastbatchError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="fastbatch")
def app() -> None:
    """Deliver events to Segment-, RudderStack- and PostHog-compatible endpoints, each with one known outcome."""


for command in (demo, send, collect, doctor):
    app.add_command(command)
