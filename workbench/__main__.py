"""`python -m workbench` is the command `workbench`."""

from .cli import main

main()
