"""What there is to predict."""

from typing import Literal

#: a class of C, or a number
Task = Literal["classification", "regression"]

#: what a task's targets are
TARGETS: dict[Task, str] = {"classification": "classes", "regression": "numbers"}
