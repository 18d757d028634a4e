"""The document-level measure: how well a document's label is predicted from the experts that it used.

Single rows can have almost no information about a domain while a document's histogram of experts predicts it well. So a
small I(E;label) of rows alone does not show that there is no domain specialization.

Axes: D documents, d those with a label and a slot, G labels, E experts, p labellings at once.
"""

from collections.abc import Iterator

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.labelled import DocumentLabel, table_of_each
from moe_lab.metrics.traces.measured import register
from moe_lab.metrics.traces.sampled import Statistic
from moe_lab.statistics.intervals import CONFIDENCE

FOLDS = 10
DOCUMENT_ACCURACY = register(
    "document_accuracy",
    scope="label",
    unit="fraction",
    definition="Share of documents whose label naive Bayes predicts from their counts of experts, mean over labels.",
    source="Manning, Raghavan and Schütze 2008, section 13.2; chance by permutation",
)


def document_accuracy(label: DocumentLabel, counts_DE: np.ndarray) -> Statistic:
    """Balanced accuracy of multinomial naive Bayes on the documents' counts of slots, in 10-fold cross-validation.

    log p(g|d) = sum_e n_de log((n_ge + 1) / (n_g + E)) with counts n_g of the training documents, add-one smoothing
    and equal prior probabilities; the mean over labels of the share of documents that are classified correctly, so that
    chance is near 1 / G whatever the labels' sizes. Folds are drawn once and are the same under every permutation of
    the null. The interval treats the tested documents as independent. Their training documents are shared, so it is a
    little too narrow near chance.

    Args:
        counts_DE: slots by document. Documents without a slot or a label are left out.
    Raises: Undefined if there are fewer than two labels, or fewer documents than folds.
    """
    used_D = (label.label_D < label.labels) & (counts_DE.sum(1) > 0)
    label_d, counts_dE = label.label_D[used_D], counts_DE[used_D].astype(np.float64)
    if len(label_d) < FOLDS:
        raise Undefined(f"too few documents: {len(label_d)} for {FOLDS}-fold cross-validation")
    if len(np.unique(label_d)) < 2:
        raise Undefined("the documents have fewer than two labels")
    fold_d = np.random.default_rng([label.seed, *b"folds"]).permutation(len(label_d)) % FOLDS
    right = are_right(label_d[None], label.labels, counts_dE, fold_d)[0]
    null_P = np.concatenate(list(_null(label, used_D, counts_dE, fold_d)))
    value = float(balanced(label_d[None], right[None], label.labels)[0])
    return Statistic(value, null_P, ends=_ends(value, np.bincount(label_d)))


def _null(label: DocumentLabel, used_D: np.ndarray, counts_dE: np.ndarray, fold_d: np.ndarray) -> Iterator[np.ndarray]:
    for labels_pD in label.permuted():
        labels_pd = labels_pD[:, used_D]
        yield balanced(labels_pd, are_right(labels_pd, label.labels, counts_dE, fold_d), label.labels)


def are_right(label_pd: np.ndarray, labels: int, counts_dE: np.ndarray, fold_d: np.ndarray) -> np.ndarray:
    """``[p, d]``: whether naive Bayes, trained on the other folds, predicts each document's label."""
    experts = counts_dE.shape[1]
    is_pGd = label_pd[:, None] == np.arange(labels)[:, None]
    all_pGE = table_of_each(is_pGd, counts_dE)
    right_pd = np.zeros(label_pd.shape, dtype=bool)
    for fold in range(FOLDS):
        tested = np.flatnonzero(fold_d == fold)
        trained_pGE = all_pGE - table_of_each(is_pGd[:, :, tested], counts_dE[tested])
        size_pG1 = trained_pGE.sum(-1, keepdims=True)
        log_share_pGE = np.log(trained_pGE + 1) - np.log(size_pG1 + experts)
        scores_dpG = np.tensordot(counts_dE[tested], log_share_pGE, axes=(1, 2))
        # a label that no training document has cannot be predicted
        scores_dpG[:, size_pG1[..., 0] == 0] = -np.inf
        right_pd[:, tested] = label_pd[:, tested] == scores_dpG.argmax(-1).T
    return right_pd


def balanced(label_pd: np.ndarray, right_pd: np.ndarray, labels: int) -> np.ndarray:
    """``[p]``: the mean over the labels of the share of their documents that are classified correctly."""
    is_pGd = label_pd[:, None] == np.arange(labels)[:, None]
    size_pG, hit_pG = is_pGd.sum(-1), (is_pGd & right_pd[:, None]).sum(-1)
    return np.divide(hit_pG, size_pG, out=np.zeros(size_pG.shape), where=size_pG > 0).sum(-1) / (size_pG > 0).sum(-1)


def _ends(value: float, size_G: np.ndarray) -> tuple[float, float]:
    """The interval of Clopper and Pearson 1934, with an effective number of documents.

    With that number a single share has the variance of this mean of shares, p (1 - p) sum_g 1 / n_g / G^2. With labels
    of equal size it is the number of documents.
    """
    from scipy import stats

    size_g = size_G[size_G > 0]
    documents = len(size_g) ** 2 / float((1 / size_g).sum())
    right, wrong = value * documents, (1 - value) * documents
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, right, wrong + 1)) if right > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, right + 1, wrong)) if wrong > 0 else 1.0
    return low, high
