"""python docs/studies/again.py FOLDER...: write the files of kept studies anew, from their study-runs.csv and
study.json, with the verdicts and margins of today. Nothing is trained."""

import sys
from pathlib import Path

from moe_lab.sweeps.studies.write import write_again

if __name__ == "__main__":
    for folder in sys.argv[1:]:
        write_again(Path(folder))
