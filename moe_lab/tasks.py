"""The tasks: classification and regression."""

from typing import Literal

#: classification (one of C classes) or regression (a number)
Task = Literal["classification", "regression"]

#: the plural of a task's targets, for messages
TARGETS: dict[Task, str] = {"classification": "classes", "regression": "numbers"}
