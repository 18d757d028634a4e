"""The value of every metric on one small run, worked by hand, and the metrics that need no routing."""

import math

# The run of conftest.tiny: arg-max experts 0 0 1 1 and one sample without; labels 0 0 1 0 2; E=4, C=3.
# H(3/4, 1/4) = 2 - .75 log2 3 = .8112781245
U = 1 / (8 * math.log(2))
EXPECTED = {
    # predictions 0 1 1 1 2 against labels 0 0 1 0 2: samples 1 and 3 are wrong
    "test_error_rate": 2 / 5,
    # both take class 0, the first expert's, for class 1, which is another's
    "within_group_error_rate": 0,
    "between_groups_error_rate": 2 / 5,
    # every class is the prediction of some sample; of class 0 samples 1 and 3 of 0, 1, 3 are wrong
    "classes_never_answered": 0,
    "worst_class_error_rate": 2 / 3,
    # q(y) = 1/2 1/4 1/2 1/4 1/2: (1 + 2 + 1 + 2 + 1) ln 2 / 5
    "test_loss_nats": 7 / 5 * math.log(2),
    # arg-max experts predict 0 0 | 1 1 for labels 0 0 | 1 0
    "expert_error_rate": [0, 1 / 2, None, None],
    # only sample 3 (label 0, experts 1 1 2 1) is wrong with every expert
    "oracle_error_rate": 1 / 5,
    # over the four routed samples: experts 1/4 wrong, mixture 2/4
    "hardening_gap": -1 / 4,
    # rows 1 | 1/2 1/2 | 1 | 1/2 1/2 have 0 1 0 1 bits
    "sample_entropy_bits": 1 / 2,
    # 1/2 of log2 4
    "sample_entropy_share": 1 / 4,
    # 2 + 1 + 0 + 1.5 + 1 over five samples; the one that no expert got still has a distribution
    "router_entropy_bits": 5.5 / 5,
    # squared distances from 1/4 sum to 0, .25, .75, .125 and .25; over E - 1 = 3
    "routing_variance": 1.375 / 3 / 5,
    # mean row 3/8 1/2 1/8 0: 3/8 (3 - log2 3) + 1/2 + 3/8
    "usage_entropy_bits": 2 - 3 / 8 * math.log2(3),
    "usage_entropy_share": 1 - 3 / 16 * math.log2(3),
    # loads 2 2 0 0
    "load_entropy_bits": 1,
    "effective_experts": 2,
    "dead_experts": 2,
    # mean load 4/4 = 1: (2 - 1) / 1
    "load_max_violation": 1,
    "top_expert_share": 1 / 2,
    "collapsed": 0,
    "unrouted_share": 1 / 5,
    # half of the choices of sample 3, all of sample 4's
    "overflow_share": 1.5 / 5,
    # table 2 0 0 / 1 1 0: H(E) + H(Y) - H(E,Y) = 1 + .8112781245 - 1.5
    "mutual_information_expert_label_bits": 0.3112781245,
    # experts' own predictions 2 0 0 / 0 2 0: one bit
    "mutual_information_expert_prediction_bits": 1,
    # expert 0 has class 0 alone, expert 1 answers 1 alone: nothing is left to the answers
    "expert_answer_information_bits": 0,
    "choice_and_answer_information_bits": 0.3112781245,
    # (1.5 + 2 U) + (1 + U) - (1.5 + 2 U) - (1 + U) of 3, 2, 3 and 2 cells
    "expert_answer_information_mm_bits": 0,
    # divided by H(E) = 1
    "information_per_usage": 0.3112781245,
    # divided by min(2, .8112781245)
    "mutual_information_share": 0.3112781245 / 0.8112781245,
    # the class tells the table 2 0 0 / 1 1 0 above; permuted within itself it tells the same
    "attribute_information_per_usage": {"class": 0.3112781245},
    "attribute_information_null_per_usage": {"class": 0.3112781245},
    "attribute_information_null_95_per_usage": {"class": 0.3112781245},
    "attribute_given_class_bits": {"class": 0},
    "attribute_given_class_null_bits": {"class": 0},
    "attribute_given_class_null_95_bits": {"class": 0},
    # every permutation within class leaves it as it is
    "attribute_p_value": {"class": 1},
    "attribute_corrected_p_value": {"class": 1},
    # experts 0 1 0 1 2 of labels 0 0 1 0 2: H(2 2 1) + H(3 1 1) - H(1 1 2 1) = .9709505945 of 1.5219280949;
    # experts 0 1 1 2 3: H(1 2 1 1) + H(3 1 1) - H(1 1 1 1 1) = .9709505945 of 1.9219280949
    "reference_information_per_usage": {"untrained": 0.6379740263, "learnable": 0.5051961338},
    # 0 0 1 1 with 0 1 0 1: pairs together 2, 2 and none in both of 6, 4/6 expected: (0 - 2/3) / (2 - 2/3);
    # with 0 1 1 2: pairs 2, 1, none in both, 1/3 expected: (0 - 1/3) / (3/2 - 1/3)
    "reference_agreement_ari": {"untrained": -1 / 2, "learnable": -2 / 7},
    # with the labels 0 0 1 0: pairs 2, 3, one in both, one expected
    "recovery_ari": 0,
    # expert 0 has labels 0 0, expert 1 has 1 0: half of a bit
    "dispatch_entropy_bits": 1 / 2,
    # experts 0 1 1 2 3 say 0 1 1 2 2 of labels 0 0 1 0 2
    "learnable_error_rate": 2 / 5,
    # wrong before: samples 1 and 3. Without expert 0 (which has 0, 1): 0, 1, 3; without 1 (2, 3): 1, 2, 3; without 2: 1
    "removal_own_drop": [1 / 2, 1 / 2, None, None],
    "removal_others_drop": [0, 0, -1 / 5, 0],
    # class 0 (samples 0, 1, 3) is expert 0's, class 1 (sample 2) expert 1's; nobody has class 2
    "removal_classes_drop": [1 / 3, 1, None, None],
    # q(y) from 1/2 1/4 1/2 1/4 1/2 to 1/4: ln 2 for samples 0, 2 and 4
    "removal_own_nats": [math.log(2) / 2, math.log(2) / 2, None, None],
    "removal_others_nats": [math.log(2) * share for share in (2 / 3, 2 / 3, 3 / 5, 3 / 5)],
    # 3 and 1 wrong in place of 2, of 5
    "swap_drop": {"0-1": 1 / 5, "0-2": 0, "0-3": 0, "1-2": 0, "1-3": 0, "2-3": -1 / 5},
    # first choices 0 0 1 1 say 0 0 1 1 of labels 0 0 1 0, second ones 1 1 0 0 say 1 1 0 1: 4 wrong and 1
    "second_choice_drop": 3 / 4,
    # pairs 01 02 03 12 13 23 differ on 4 4 3 3 3 5 samples of 5
    "expert_disagreement": 22 / 30,
    # errors 00111 11011 11011 11110: -.08 / sqrt(.24 .16) three times, 1, and -.04 / .16 twice
    "expert_error_correlation": (3 * -0.08 / math.sqrt(0.24 * 0.16) + 1 - 0.5) / 6,
    "expert_feature_similarity": (0.8 + 5 * 0.5) / 6,
    "expert_weight_cosine": (-0.2 + 5 * 0.1) / 6,
    # predictions of the mixture 0 1 1 1 for experts 0 0 1 1: table 1 1 / 0 2, as of the labels
    "mutual_information_mixture_prediction_bits": 0.3112781245,
    # H(E) - I and H(Y) - I
    "expert_given_label_entropy_bits": 1 - 0.3112781245,
    "label_given_expert_entropy_bits": 0.5,
    # class zero has experts 0 0 1: log2 3 - 2/3; class two has none
    "expert_entropy_by_class_bits": {"zero": math.log2(3) - 2 / 3, "one": 0, "two": None},
    # usage 3/8 1/2 1/8 0
    "usage_share": [3 / 8, 1 / 2, 1 / 8, 0],
    "load_share": [1 / 2, 1 / 2, 0, 0],
    # (1 4 1 4) / 64 is the sum of squares about 1/4: sqrt(10 / 256) / (1/4)
    "usage_cv": math.sqrt(10) / 4,
    "load_cv": 1,
    # of 3 4 1 0: differences 1 2 3 3 4 1, each twice, over 2 * 16 * 2
    "usage_gini": 28 / 64,
    # of 1 1 0 0: four differences of 1, each twice, over 2 * 16 / 2
    "load_gini": 8 / 16,
    "batch_max_violation": 1.5,
    "samples_a_step": [3, 2, 1, 0],
    # selected 0 | 0 1 | 1 | 1 2 | none: experts are selected 2 3 1 0 times
    "coactivation": {
        **{"0 with 1": 1 / 2, "0 with 2": 0, "0 with 3": 0, "1 with 0": 1 / 3, "1 with 2": 1 / 3, "1 with 3": 0},
        **{"2 with 0": 0, "2 with 1": 1, "2 with 3": 0, "3 with 0": None, "3 with 1": None, "3 with 2": None},
    },
    "coactivation_highest": 1,
    # the most frequent classes of experts 0 and 1 have 2 and 1 of 4 samples
    "purity": 3 / 4,
    "normalized_mutual_information": 0.3112781245 / ((1 + 0.8112781245) / 2),
    # the one sample of class one is with either expert: all permutations have the same I
    "adjusted_mutual_information": 0,
    # pairs joined by both 1, by experts 2, by classes 3, of 6: chance is 2 * 3 / 6
    "adjusted_rand_index": 0,
    # class zero is expert 0's (2 to 1), class one is expert 1's
    "expert_class_precision": [1, 1 / 2, None, None],
    # answers right: samples 0 1 | 2 | 2 | 4
    "expert_error_rate_everywhere": [3 / 5, 4 / 5, 4 / 5, 4 / 5],
    # on samples 2 3 | 0 1 | 0 to 3 | 0 to 3
    "expert_error_rate_elsewhere": [1, 1, 3 / 4, 1],
    # class zero: 1/3 1 1 1; the other two classes have an expert without errors
    "oracle_by_luck_error_rate": 3 / 5 * 1 / 3,
    "random_routing_error_rate": (3 + 4 + 4 + 4) / 20,
    # every expert gives 1/2, the mixture 1/2 1/4 1/2 1/4 1/2
    "regret_nats": 2 / 5 * math.log(2),
    "random_routing_regret_nats": 0,
    # errors 1/2 3/4 3/4 1 on the routed samples
    "marginal_routing_error_rate": 3 / 8 * 1 / 2 + 1 / 2 * 3 / 4 + 1 / 8 * 3 / 4,
    "marginal_routing_loss_nats": math.log(2),
    # drawn by their own weights, the samples are wrong with 0 1/2 0 1
    "routing_gain": 3 / 8 * 1 / 2 + 1 / 2 * 3 / 4 + 1 / 8 * 3 / 4 - 3 / 8,
    "routing_gain_nats": 0,
    # three of five right, all with confidence 1/2
    "calibration_error": 0.1,
    # 1/4 + 1/16 + 1/16 = 3/8 where right; 1/4 + 9/16 + 1/16 = 7/8 where wrong
    "brier_score": (3 * 3 / 8 + 2 * 7 / 8) / 5,
    # certain of 0 0 | 1 1 for labels 0 0 | 1 0
    "expert_calibration_error": [0, 1 / 2, None, None],
    "expert_brier_score": [0, (0 + 2) / 2, None, None],
    "generalization_gap": 2 / 5 - 0.1,
    "generalization_gap_nats": 7 / 5 * math.log(2) - 0.5,
    "train_loss_nats": 0.5,
    # experts 0 0 0 0, then 0 0 1 1, then 0 0 1 and none
    "reassigned_share": 1 / 4,
    "reassigned_share_by_epoch": {"2": 2 / 4, "3": 1 / 4},
    "saturation_by_epoch": {"1": 2 / 4, "2": 3 / 4, "3": 1},
    "routing_settled_epoch": 3,
    "collapse_epoch": 1,
    # 2 .55 .5 and 1 1.5 1 bits
    "sample_entropy_settled_epoch": 2,
    "usage_entropy_settled_epoch": 3,
    "dead_experts_by_epoch": {"1": 2, "2": 3, "3": 0},
    # ranks 4 3 2 1 and 1 4 3 2: 1 - 6 (9 + 1 + 1 + 1) / (4 * 15)
    "rich_get_richer": -0.2,
    # (m - 1) / (2 * 4 ln 2) for m = 2 experts, 2 classes, 3 cells
    "load_entropy_mm_bits": 1 + U,
    "expert_given_label_entropy_mm_bits": 1.5 + 2 * U - 0.8112781245 - U,
    "label_given_expert_entropy_mm_bits": 1.5 + 2 * U - 1 - U,
    "mutual_information_expert_label_mm_bits": 0.3112781245,
    # two cells: (1 + U) + (1 + U) - (1 + U)
    "mutual_information_expert_prediction_mm_bits": 1 + U,
    "mutual_information_mixture_prediction_mm_bits": 0.3112781245,
    "information_per_usage_mm": 0.3112781245 / (1 + U),
    # all permutations have the same I
    "mutual_information_null_mean_bits": 0.3112781245,
    "mutual_information_null_95_bits": 0.3112781245,
    "mutual_information_p_value": 1,
    # weights 1.5 0 / 1 1 / .5 0: H(E) + H(Y) - H(3/8 1/4 1/4 1/8)
    "mutual_information_expert_label_soft_bits": 0.3112781245,
    # experts 0 1 2 only predict 0, 1 and 2
    "mutual_information_expert_prediction_soft_bits": 2 - 3 / 8 * math.log2(3),
    # weights 1 .5 / 0 2 / 0 .5: the same H(E), H(1/4), less H(1/4 1/8 1/2 1/8) = 1.75
    "mutual_information_mixture_prediction_soft_bits": 2 - 3 / 8 * math.log2(3) + 0.8112781245 - 1.75,
    "information_per_usage_soft": 0.3112781245 / (2 - 3 / 8 * math.log2(3)),
    "expert_given_label_entropy_soft_bits": 2 - 3 / 8 * math.log2(3) - 0.3112781245,
    "label_given_expert_entropy_soft_bits": 0.5,
    # labels 0 0 1 0 2 are the tasks; right before and after each: 1/3 0 0; 2/3 1 0; 1 1 0; 1/3 1 1
    "average_accuracy": (1 / 3 + 1 + 1) / 3,
    "learning_accuracy": (2 / 3 + 1 + 1) / 3,
    # one test sample and one class each in tasks 1 and 2: nothing to guess; task 0 has one class
    "tasks_never_learned": 0,
    "backward_transfer": (1 / 3 - 2 / 3 + 1 - 1) / 2,
    "forward_transfer": (1 - 0 + 0 - 0) / 2,
    "forgetting": (1 - 1 / 3 + 1 - 1) / 2,
    # within the task: 1 0 0; 1 0 1; 2/3 1 1; 2/3 1 1
    "average_accuracy_within_task": (2 / 3 + 1 + 1) / 3,
    "backward_transfer_within_task": (2 / 3 - 1 + 1 - 1) / 2,
    "forward_transfer_within_task": (0 - 0 + 1 - 0) / 2,
    "forgetting_within_task": (1 - 2 / 3 + 1 - 1) / 2,
    # from 2 to 4
    "experts_added": 2,
    # after its task sample 2 has expert 2, which is new, and sample 4 expert 2, which is old by then
    "expert_reuse": 1 / 2,
    "expert_reuse_by_task": {"1": 0, "2": 1},
    "new_expert_share_by_task": {"1": 1, "2": 0},
    # samples 0 1 3 had experts 0 1 1 and end with 0 0 1, sample 2 had 2 and ends with 1
    "routing_kept_share": (2 / 3 + 0) / 2,
    "parameters_total": 1000,
    "parameters_active": 600,
    "multiply_adds_total": 2000,
    "multiply_adds_active": 900,
}

#: has a value also where nothing is routed, or there is one expert
ANYWAY = {
    "test_error_rate",
    "worst_class_error_rate",
    "classes_never_answered",
    "test_loss_nats",
    "oracle_error_rate",
    "expert_error_rate_everywhere",
    "calibration_error",
    "brier_score",
    "generalization_gap",
    "generalization_gap_nats",
    "train_loss_nats",
    "unrouted_share",
    "overflow_share",
}
