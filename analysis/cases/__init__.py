"""Cases beside a study: made-up subjects whose fate the author has decided by hand, and whether the study agrees."""
