"""Do trained models come in the order that was expected?

`scores` of runs that evaluations wrote, `bootstrap` over lectures and corpora, `comparison` of each model
with the one expected below it, and the `report` on it.
"""
