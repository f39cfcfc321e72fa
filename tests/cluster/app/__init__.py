"""Job kinds for tests with real workers, loaded there through EXTRA_APPS."""
