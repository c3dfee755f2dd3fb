"""Options and fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared-data",
        type=Path,
        default=None,
        help="folder with real texts and labels (see CONTRIBUTING.md)",
    )


@pytest.fixture(scope="session")
def shared_data(request: pytest.FixtureRequest) -> Path:
    """The folder of real texts and labels, which is no part of this repository."""
    folder: Path | None = request.config.getoption("--shared-data")
    if folder is None or not folder.is_dir():
        pytest.skip("no real texts and labels here: give their folder with --shared-data")
    return folder
