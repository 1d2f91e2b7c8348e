"""The page people open every morning: whether today's data can be used, and what changed since the last run."""
