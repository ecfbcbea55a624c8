"""How property tests run: by what they find, never by how fast a busy machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

calmly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
