"""`python -m minigan` is the command `minigan`."""

import sys

from minigan.cli import main

sys.exit(main())
