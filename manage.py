#!/usr/bin/env python
"""Django's command line."""

import gc
import os
import sys
import warnings


def main() -> None:
    os.umask(0o077)  # what is written is nobody else's
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries are for who develops; python -W default shows them
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, InterfaceError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"The settings cannot work: {error}")
    except (DatabaseError, InterfaceError) as error:
        if "--traceback" in sys.argv:
            raise
        from algoagent_api.tables import told

        sys.exit(told(error))
    finally:
        gc.freeze()  # an interpreter that ends looks through all objects for cycles, a quarter of a second with pandas and numba


if __name__ == "__main__":
    main()
