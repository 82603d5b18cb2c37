"""What axe-core objects to in a page or a part of one, and where the keys go."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

# All rules that axe-core runs by itself, and the one on the size of targets, which is new in
# WCAG 2.2 and has to be asked for.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# What is still moving has no colour that could be measured; what moves for ever is left alone.
SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().endTime < Infinity)
  .map(({ finished }) => finished))"""
FOCUS = """() => {
  const node = document.activeElement;
  // The message field's ring is its form's.
  const ring = [node, node.parentElement].map((each) => getComputedStyle(each)).find(
    ({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
  const { top, bottom, width } = node.getBoundingClientRect();
  const seen = node !== document.body && width > 0 && top < innerHeight && bottom > 0;
  return { seen, ring: Boolean(ring), name: node.ariaLabel ?? node.labels?.[0]?.textContent
    ?? node.textContent };
}"""


def violations(place: Page | Frame, part: str | None = None) -> list[str]:
    """What axe-core objects to in a page or frame, or in the part that a selector finds."""
    place.evaluate(SETTLED)
    found = Axe().run(place, part, OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def press(page: Page, *keys: str) -> str:
    """Press keys; return the name of what has the focus then, which must be seen to have it."""
    for key in keys:
        page.keyboard.press(key)
    focus = page.evaluate(FOCUS)
    assert focus["seen"], keys
    assert focus["ring"], focus["name"]
    return str(focus["name"])
