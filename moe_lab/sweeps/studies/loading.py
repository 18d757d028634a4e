"""What a study found, for Python."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from moe_lab.errors import printable
from moe_lab.sweeps.studies.run import Findings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class LoadedStudy:
    """A study in its folder, with what was published beside what came out."""

    path: Path
    findings: Findings

    def __repr__(self) -> str:
        state = "complete" if self.findings.complete else "some runs have not finished"
        return f"<study {printable(self.path.resolve().name)}: {state}; {printable(str(self.path))}>"

    def _repr_html_(self) -> str:
        """The levels, for notebooks."""
        return self.levels.to_html(max_rows=50)

    @cached_property
    def levels(self) -> "pd.DataFrame":
        """A row an arm and metric, as study.csv has it."""
        import pandas as pd

        return pd.DataFrame(self.findings.tables.levels)

    @cached_property
    def differences(self) -> "pd.DataFrame":
        """A row a difference between arms, over the same seeds."""
        import pandas as pd

        return pd.DataFrame(self.findings.tables.differences)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """A row a prediction of a claim, with its verdict; empty of other studies."""
        import pandas as pd

        return pd.DataFrame(self.findings.tables.predictions)
