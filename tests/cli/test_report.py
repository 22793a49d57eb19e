import pytest
import typer
from typer.testing import CliRunner

from crystalgen.cli.report import user_errors
from crystalgen.errors import CrystalgenError, ExportError


def run(error):
    app = typer.Typer()

    @app.command()
    @user_errors
    def fail():
        raise error

    return CliRunner().invoke(app, [])


def test_our_own_errors_are_one_line_and_exit_with_1():
    result = run(ExportError("out: cannot be written:\nread-only"))

    assert result.exit_code == 1
    assert result.stderr == "error: out: cannot be written: read-only\n"
    assert result.stdout == ""


def test_bugs_keep_their_traceback():
    bug = ZeroDivisionError("a bug")
    assert run(bug).exception is bug


def test_a_command_that_succeeds_is_left_alone():
    assert user_errors(lambda: None)() is None


@pytest.mark.parametrize("kind", CrystalgenError.__subclasses__())
def test_every_error_of_the_tree_is_reported(kind):
    assert run(kind("why")).stderr == "error: why\n"
