"""A Django app with job kinds that do nothing, loaded by EXTRA_APPS=benchmarks.app."""
