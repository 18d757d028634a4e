"""Convolutional experts."""

from typing import Literal

from moe_lab.parts import Count, ExpertCount, Experts, NonNegativeInt, Sizes, Widths
from moe_lab.parts.networks.classifier import Classifier
from moe_lab.parts.networks.conv import Conv as Body


class Conv(Experts):
    """E convolutional networks: convolutions with ReLU and pooling, fully connected layers, softmax.

    Source: LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition; the sizes
    named paper_* are those of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703.

    count:      E, the number of experts.
    filters:    output channels of each convolution, each followed by ReLU and 2 x 2 max pooling.
    kernel:     height and width of every kernel.
    padding:    zeros around the input of every convolution.
    batch_norm: numbers (from 0) of the convolutions that are followed by batch normalization.
    bias:       "unnormalized": convolutions before a batch normalization have none; "all": every one has.
    hidden:     width of each fully connected layer; the last is H.
    batch_statistics_at_test: normalize by the batch's own statistics at test, too; predictions then depend on
                              batch-mates.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        count: ExpertCount = 5,
        filters: Widths = (8,),
        kernel: Count = 3,
        padding: NonNegativeInt = 0,
        batch_norm: tuple[NonNegativeInt, ...] = (),
        bias: Literal["unnormalized", "all"] = "unnormalized",
        hidden: Widths = (64, 32),
        batch_statistics_at_test: bool = False,
    ) -> None:
        def network() -> Classifier:
            body = Body(
                sizes,
                filters=filters,
                kernel=kernel,
                padding=padding,
                batch_norm=batch_norm,
                bias=bias,
                hidden=hidden,
                batch_statistics_at_test=batch_statistics_at_test,
            )
            return Classifier(body, sizes.classes)

        super().__init__(count, network, hidden[-1])
