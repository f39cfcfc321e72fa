"""Measurements of the jobs engine on this machine: `make bench`.

Nothing here is part of the product. Read it from the top: `__main__` (options, order), `measures`
(what is measured, interleaved), `probe` (one measurement, in a process of its own), `contenders`
(ours and the others), `report` (figures and targets).
"""
