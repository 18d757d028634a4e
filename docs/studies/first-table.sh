#!/usr/bin/env bash
# The first table: eight arms x ten seeds on one data set, with the paper's networks and numbers.
#   bash docs/studies/first-table.sh mnist [PROCESSES]
#   bash docs/studies/first-table.sh fashion_mnist [PROCESSES]
# Runs that are there already are left alone, so that it can be started again.
set -eu
data=$1 processes=${2:-2} folder=runs/first-table-$1
mkdir -p "$folder"
common="dataset=$data dataset.validation_share=0 experts=paper_$data experts.count=5
gate/score/body=paper_$data trainer.epochs=20 trainer.batch_size=512 trainer.lr=1e-3"
similarity="regularizers.sample_similarity.form=reference regularizers.sample_similarity.distance=raw
regularizers.sample_similarity.beta_s=1e-6 regularizers.sample_similarity.beta_d=0"
arms="single:gate=softmax baseline=single
gate_as_classifier:gate=softmax baseline=gate_as_classifier
softmax:gate=softmax
attentive:gate=attentive
softmax.importance:gate=softmax regularizer=[importance] regularizers.importance.weight=0.2
attentive.importance:gate=attentive regularizer=[importance] regularizers.importance.weight=0.2
softmax.similarity:gate=softmax regularizer=[sample_similarity] $(echo $similarity)
attentive.similarity:gate=attentive regularizer=[sample_similarity] $(echo $similarity)"

for seed in 0 1 2 3 4 5 6 7 8 9; do
  while IFS=: read -r arm words; do
    test -e "$folder/$arm-$seed" || echo $common $words "seed=$seed" --name "$arm-$seed"
  done <<<"$arms"
done | xargs -P "$processes" -L 1 moe-lab train --runs "$folder" --no-report -q
