"""A test double of the Azure Batch REST service; see __main__.py for its command line, script.py for its script."""
