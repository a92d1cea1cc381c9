"""The guide's example of the collector is a program that runs."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "collector.md"
PACKAGES = ["posthog", *(["fastbatch.posthog"] if importlib.util.find_spec("fastbatch.posthog") else [])]
FLAGS = {
    "flags": [
        {
            "id": 1,
            "key": "beta",
            "active": True,
            "filters": {
                "groups": [{"properties": [{"key": "plan", "value": "pro", "operator": "exact", "type": "person"}]}]
            },
        }
    ],
    "group_type_mapping": {},
    "cohorts": {},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_example_of_the_guide_runs(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With either package, and a file of flags beside it."""
    (tmp_path / "flags.json").write_text(json.dumps(FLAGS))
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert "from posthog import" in example
    exec(compile(example.replace("from posthog import", f"from {package} import"), "the guide", "exec"), {})
