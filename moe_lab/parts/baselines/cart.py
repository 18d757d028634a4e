"""A classification tree."""

from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import (
    Baseline,
    Computed,
    Config,
    ConfigError,
    Count,
    ExpertOutput,
    Experts,
    Gate,
    GroupedRows,
    Labelled,
    NonNegative,
    Positive,
    expect,
)


class Cart(Baseline):
    """A classification tree (CART), grown by scikit-learn on the training split at once: no epochs, no gradient.

    Options are scikit-learn's, with its defaults: the tree is grown until its leaves are pure, or until it has
    ``max_leaf_nodes`` leaves (5 divide the inputs as coarsely as five experts that each predict one class). A leaf of n
    training samples, n_c of class c, predicts P(c) = (n_c + s) / (n + s C): its most probable class is scikit-learn's,
    and no class has probability 0. ``trainer`` is ignored except ``threads`` and ``batch_size``; the history has one
    row, of the grown tree, without a learning rate. ``seed_init`` decides between equally good splits. Parameters: a
    feature and a threshold per split, C - 1 frequencies per leaf.
    Source: Breiman, Friedman, Olshen and Stone 1984, Classification and regression trees; the smoothed frequencies:
    Provost and Domingos 2003, Tree induction for probability-based ranking.

    criterion:        "gini", or "entropy".
    max_depth:        null: no limit.
    min_samples_leaf: least number of training samples in a leaf.
    max_leaf_nodes:   at least 2; leaves with the largest gain are split first. null: no limit.
    ccp_alpha:        cost of a leaf in cost-complexity pruning.
    smoothing:        s.
    """

    task = "classification"

    def __init__(
        self,
        *,
        criterion: Literal["gini", "entropy"] = "gini",
        max_depth: Count | None = None,
        min_samples_leaf: Count = 1,
        max_leaf_nodes: Count | None = None,
        ccp_alpha: NonNegative = 0.0,
        smoothing: Positive = 1.0,
    ) -> None:
        if max_leaf_nodes == 1:
            raise ConfigError("baseline.max_leaf_nodes=1: a tree has at least 2 leaves")
        self._smoothing = smoothing
        self._options = {
            "criterion": criterion,
            "max_depth": max_depth,
            "min_samples_leaf": min_samples_leaf,
            "max_leaf_nodes": max_leaf_nodes,
            "ccp_alpha": ccp_alpha,
        }

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        seed = int(torch.randint(2**31 - 1, ()))
        return Tree(gate.sizes.classes, {**self._options, "random_state": seed}, self._smoothing)


class Tree(Experts):
    """One expert that is a tree. Axis: M nodes, the root first; a leaf's children are itself."""

    needs_fitting = True

    feature_M: Tensor
    threshold_M: Tensor
    children_M2: Tensor
    log_probs_MC: Tensor
    depth: Tensor

    def __init__(self, classes: int, options: Config, smoothing: float) -> None:
        nn.Module.__init__(self)
        self.count = 1
        self.hidden_features = None
        self._options = options
        self._smoothing = smoothing
        self.feature_M = nn.Buffer(torch.zeros(1, dtype=torch.int64))
        self.threshold_M = nn.Buffer(torch.zeros(1))
        self.children_M2 = nn.Buffer(torch.zeros(1, 2, dtype=torch.int64))
        self.log_probs_MC = nn.Buffer(torch.zeros(1, classes).log_softmax(-1))
        self.depth = nn.Buffer(torch.zeros((), dtype=torch.int64))

    def fit(self, training: Labelled, held_out: Labelled) -> None:
        from sklearn.tree import DecisionTreeClassifier

        x_ND, y_N = (one.cpu().numpy() for one in training)
        grown = DecisionTreeClassifier(**self._options).fit(x_ND, y_N)
        tree, device = grown.tree_, training[0].device
        left_M, right_M = (torch.from_numpy(one.copy()) for one in (tree.children_left, tree.children_right))
        own_M = torch.arange(tree.node_count)
        leaf_M = left_M < 0
        children_M2 = torch.stack([torch.where(leaf_M, own_M, one) for one in (left_M, right_M)], -1)
        counts_MC = torch.zeros(tree.node_count, self.log_probs_MC.shape[-1], dtype=torch.float64)
        shares_MC = torch.from_numpy(tree.value[:, 0] / tree.value[:, 0].sum(-1, keepdims=True))
        counts_MC[:, torch.from_numpy(grown.classes_)] = (
            shares_MC * torch.from_numpy(tree.n_node_samples.copy())[:, None]
        )
        smoothed_MC = counts_MC.round() + self._smoothing
        self.feature_M = torch.from_numpy(tree.feature.copy()).clamp(min=0).to(device)
        self.threshold_M = _below(torch.from_numpy(tree.threshold.copy())).to(device)
        self.children_M2 = children_M2.to(device)
        self.log_probs_MC = (smoothed_MC.log() - smoothed_MC.sum(-1, keepdim=True).log()).float().to(device)
        self.depth = torch.tensor(tree.max_depth, device=device)

    def compute(self, inputs: Tensor | GroupedRows) -> Computed:
        """No hidden layer (None), and the log-probabilities of each sample's leaf."""
        x_BD = expect(Tensor, inputs).squeeze(-3)
        node_B = torch.zeros(x_BD.shape[:-1], dtype=torch.int64, device=x_BD.device)
        for _ in range(int(self.depth)):
            value_B = x_BD.gather(-1, self.feature_M[node_B].unsqueeze(-1)).squeeze(-1)
            node_B = self.children_M2[node_B, (value_B > self.threshold_M[node_B]).long()]
        return None, self.log_probs_MC[node_B].unsqueeze(-3)

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ExpertOutput:
        return ExpertOutput(last_EBO.transpose(-3, -2), hidden_BEH)

    @property
    def parameter_count(self) -> int:
        nodes, classes = self.log_probs_MC.shape
        splits = (nodes - 1) // 2
        return 2 * splits + (nodes - splits) * (classes - 1)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: object) -> None:
        """Load a tree, whose number of nodes depends on its data."""
        for name in dict(self.named_buffers()):
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name], device=self.depth.device))
        super()._load_from_state_dict(state_dict, prefix, *others)


def _below(threshold_M: Tensor) -> Tensor:
    """The threshold in single precision, rounded down, so that x <= threshold is decided as in double precision."""
    rounded_M = threshold_M.float()
    lower_M = torch.nextafter(rounded_M, torch.full_like(rounded_M, -torch.inf))
    return torch.where(rounded_M.double() > threshold_M, lower_M, rounded_M)
