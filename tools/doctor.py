"""Say whether this machine is fit: versions, GPU, ffmpeg, codecs, Slurm, disk, models, data, and what to do.

    python tools/doctor.py
    python tools/doctor.py --data mine --json

Takes some seconds, changes nothing, asks no network. Ends with 0 where nothing essential is missing, else
with 1. Who installed only the package calls it as surgvlp-doctor.
"""

from __future__ import annotations

import sys

from surgvlp.doctor.command import main

if __name__ == "__main__":
    sys.exit(main())
