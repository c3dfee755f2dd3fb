"""Options and fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about the code
settings.register_profile("surgvlp", deadline=None)
settings.load_profile("surgvlp")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared-data",
        type=Path,
        default=None,
        help="folder with real texts and labels (see CONTRIBUTING.md)",
    )
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run, as in CI")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        reporter
        and exitstatus == 0
        and session.config.getoption("--fail-on-skip")
        and "skipped" in reporter.stats
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shared_data(request: pytest.FixtureRequest) -> Path:
    """The folder of real texts and labels, which is no part of this repository."""
    folder: Path | None = request.config.getoption("--shared-data")
    if folder is None or not folder.is_dir():
        pytest.skip("no real texts and labels here: give their folder with --shared-data")
    return folder
