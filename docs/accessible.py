"""Check pages with axe-core in a headless browser: `python -m docs.accessible PAGE...`, which `make docs-check` calls.

A page is copied without its Content-Security-Policy, all its details are opened, and axe-core runs in it, in light and
in dark colours. What it finds of serious or critical impact is printed, and the exit code is then 1. AXE is the path of
axe.min.js, and CHROMIUM that of the browser.
"""

import html
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

AXE = Path(os.environ.get("AXE", ".venv/axe/node_modules/axe-core/axe.min.js"))
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
BAD = ("serious", "critical")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
DONE = re.compile(r'<pre id="axe-found">(.*?)</pre>', re.DOTALL)
RUN = """<script src="{axe}"></script><script>
for (const one of document.querySelectorAll("details")) one.open = true;
axe.run(document, {{resultTypes: ["violations"]}}).then(({{violations}}) => {{
  const found = violations.map(({{id, impact, help, nodes}}) => ({{id, impact, help, where: nodes.map(n => n.html)}}));
  const pre = document.createElement("pre");
  pre.id = "axe-found";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
}});
</script></body>"""
DARK = ["--blink-settings=preferredColorScheme=0"]


def violations(page: Path, *, dark: bool) -> list[dict[str, Any]]:
    """What axe-core finds: id, impact, help, and the elements. Raises RuntimeError if the browser gives no result."""
    text = POLICY.sub("", page.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        copy.write_text(text.replace("</body>", RUN.format(axe=AXE.resolve().as_uri())), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        options += ["--window-size=1280,1000", "--virtual-time-budget=60000", *(DARK if dark else [])]
        command = [CHROMIUM, *options, "--dump-dom", copy.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    result = DONE.search(done.stdout)
    if result is None:
        raise RuntimeError(f"{page}: axe-core gave no result")
    found: list[dict[str, Any]] = json.loads(html.unescape(result[1]))
    return found


def check(pages: list[Path]) -> int:
    """Print what is found; the number of findings of serious or critical impact."""
    bad = 0
    for page in pages:
        for dark in (False, True):
            found = violations(page, dark=dark)
            bad += sum(one["impact"] in BAD for one in found)
            print(f"{page} ({'dark' if dark else 'light'}): {len(found)} findings")
            for one in found:
                print(f"  {one['impact']}: {one['id']}: {one['help']} ({len(one['where'])}): {one['where'][0][:160]}")
    return bad


if __name__ == "__main__":
    sys.exit(1 if check([Path(one) for one in sys.argv[1:]]) else 0)
