"""axe-core, the measure of accessibility, on a page, a frame, or a part of one."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

# All rules that axe-core runs by itself, and the one on the size of targets, which is new in
# WCAG 2.2 and has to be asked for.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# What is still moving has no colour that could be measured; what moves for ever is left alone.
SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().endTime < Infinity)
  .map(({ finished }) => finished))"""


def violations(place: Page | Frame, part: str | None = None) -> list[str]:
    """What axe-core objects to in a page or frame, or in the part that a selector finds."""
    place.evaluate(SETTLED)
    found = Axe().run(place, part, OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
