"""`python -m stas_tui` is `stas`."""

from __future__ import annotations

import sys

from stas_tui.cli import main

sys.exit(main())
