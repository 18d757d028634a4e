from dataclasses import dataclass

from toy_lab.roles import Dataset, Options


class Digits(Dataset):
    def load(self) -> list[int]:
        return [0, 1]


class Npz(Dataset):
    def __init__(self, *, path: str, root: str = "data") -> None:
        self.path, self.root = path, root

    def load(self) -> list[int]:
        return []


@dataclass(frozen=True, kw_only=True)
class Trainer(Options):
    epochs: int = 3
    lr: float = 1e-3
    threads: int = 1
    checkpoint_seconds: float = 30.0
