"""The types of operation that lectures can be made of, one module each."""

from __future__ import annotations

from surgvlp.synthesis.operation.actions import ProcedureType
from surgvlp.synthesis.operation.procedures import (
    appendectomy,
    cholecystectomy,
    hysterectomy,
    sleeve_gastrectomy,
)

PROCEDURES: dict[str, ProcedureType] = {
    each.TYPE.name: each.TYPE for each in (cholecystectomy, appendectomy, hysterectomy, sleeve_gastrectomy)
}
