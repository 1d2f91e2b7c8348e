"""One module an engine, each with ``PACKAGES``, ``started(view, threads)``, ``count(result)`` and ``rows(result)``.

``started`` is a context that gives a function from an NDJSON file to all rows of the view, in the form the engine
naturally keeps in memory. The modules import their library late, so that the table below can be read anywhere.
"""
