from __future__ import annotations

from tests.console_site import empty_site, ready_home, site

__all__ = ["empty_site", "ready_home", "site"]
