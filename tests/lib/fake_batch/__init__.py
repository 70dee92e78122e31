"""A test double of the Azure Batch REST service: __main__.py has its command line, script.py its script."""
