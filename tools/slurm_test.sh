#!/usr/bin/env bash
# [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options]
set -euo pipefail
bash "$(dirname "$0")/misc/slurm_run.sh" "$1" "$2" test.py "$3" "$4" "${@:5}"
