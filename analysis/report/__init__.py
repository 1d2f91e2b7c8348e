"""The report: one self-contained page and its figures, rendered from results that are already computed and suppressed.

Nothing here counts or estimates: ``lookup`` finds rows of the results table, ``sections`` arrange them, ``figures``
draw them, ``templates`` write them out. ``page.render`` is the door.
"""
