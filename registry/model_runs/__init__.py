"""Model runs: checking their records, registering one or many, and reading them from CSV."""
