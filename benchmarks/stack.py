"""Target 5: many runs as one program.

Sixteen stacked runs of one model with their own seeds and a shared minibatch: time per model, against moe-lab's solo
run and against the textbook's loop over the same experts and gate.
"""

from collections.abc import Iterator

from benchmarks.problems import images, training
from benchmarks.rows import Row
from benchmarks.textbook import TextbookMixture, TextbookTraining, mnist_mixture, perceptron
from benchmarks.timing import interleaved

RUNS = 16
EXPERTS = 5
#: overrides, and the same model in the textbook
MODELS = {
    "5 experts of 32 hidden": (
        ("dataset=mnist", "experts=mlp", "experts.hidden=32", "gate/score=linear"),
        lambda: TextbookMixture([perceptron(784, (32,), 10) for _ in range(EXPERTS)], perceptron(784, (), EXPERTS)),
    ),
    "the paper's MNIST networks": (
        ("dataset=mnist", "experts=paper_mnist", "gate/score/body=paper_mnist"),
        lambda: mnist_mixture(EXPERTS),
    ),
}
#: batch size -> against the solo run, against the textbook
LEAST = {128: (1.5, 2.5), 512: (1.2, 1.5)}


def rows(quick: bool) -> Iterator[Row]:
    for batch_size, (than_solo, than_textbook) in LEAST.items():
        data = images(4 * batch_size)
        x_BIHW, y_B = data.train.x_ND[:batch_size].unflatten(-1, data.shape), data.train.y_N[:batch_size]
        for name, (words, textbook) in MODELS.items():
            words = (*words, f"experts.count={EXPERTS}", f"trainer.batch_size={batch_size}")
            reference = TextbookTraining(textbook(), data.classes)
            solo, stack = training(words, data), training(words, data, runs=RUNS)
            cases = {
                "textbook": lambda reference=reference, x=x_BIHW, y=y_B: reference.step(x, y),
                "solo": solo.epoch,
                "stack": stack.epoch,
            }
            seconds = interleaved(cases, rounds=3 if quick else 10)
            a_model = seconds["stack"] / RUNS
            case = f"{name}, {RUNS} runs, batch {batch_size}"
            yield Row("5", f"{case}, against solo", seconds["solo"] / a_model, than_solo, than_solo)
            per_epoch = seconds["textbook"] * solo.batches_an_epoch
            yield Row("5", f"{case}, against the textbook", per_epoch / a_model, than_textbook, than_textbook)
