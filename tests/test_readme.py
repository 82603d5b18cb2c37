"""README's example runs and prints what it says; links in all that is written lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAPERS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "TEACHING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_readme_shows() -> None:
    found = re.search(r"```python\n(.*?)```\s*```\n(.*?)```", README, re.DOTALL)
    assert found, "README has an example and its output"
    example, output = found.groups()
    run = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == output


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_to_files_lead_somewhere(paper: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", paper.read_text(encoding="utf-8"))
    assert [link for link in links if not (paper.parent / link).exists()] == []
    assert links or paper not in PAPERS[:3]
