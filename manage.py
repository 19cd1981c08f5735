#!/usr/bin/env python
"""Django's command line."""

import os
import sys
import warnings


def main() -> None:
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries are for who develops; python -W default shows them
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
