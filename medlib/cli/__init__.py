"""The command line. What is slow to import is imported by the command that needs it, so that help is instant."""

import sys

import typer

from medlib.cli import data, display, notebooks, report, results, runs
from medlib.errors import MedlibError

app = typer.Typer(
    help="Parameterised notebooks on ECG and medical images. Not for clinical use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command("list")(notebooks.list_notebooks)
app.command("run")(runs.run)
app.command("sweep")(runs.sweep)
app.command("results")(results.results)
app.command("report")(report.report)
app.command("validate")(notebooks.validate)
app.command("lab", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(notebooks.lab)


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.

    Raises
    ------
    SystemExit
        Always: 0 done, 1 a notebook or a data set failed, 2 bad usage.
    """
    try:
        app(arguments)
    except MedlibError as error:
        display.echo_error(f"Error: {error}")
        sys.exit(error.exit_code)
