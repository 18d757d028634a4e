"""Write losses.json anew, after a change that was meant to change them: ``python -m tests.golden``.

The losses that differ are printed; say in the commit why they do.
"""

import json

import torch

from tests.golden.arms import ARMS, FILE, differing, losses

torch.set_num_threads(1)
old = json.loads(FILE.read_text()) if FILE.exists() else {}
new = {arm: losses(arm) for arm in ARMS}
for arm, found in new.items():
    for name in differing(found, old.get(arm, {})):
        print(f"{arm}: {name} was {old.get(arm, {}).get(name)}, is {found[name]}")
FILE.write_text(json.dumps(new, indent=1) + "\n")
