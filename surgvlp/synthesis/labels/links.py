"""One file under the names of several formats."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path


def link(source: Path, target: Path) -> None:
    """Give an existing file a second name, in place of what had it; a copy where the disk cannot link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copyfile(source, target)
