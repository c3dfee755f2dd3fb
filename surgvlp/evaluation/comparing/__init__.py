"""Do trained models come in the order that was expected?

`scores` of runs that evaluations wrote, `bootstrap` over lectures and corpora, `expected_order`: each model
against the one expected below it; and the `report` on it.
"""
