#!/usr/bin/env bash
# [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options]
set -euo pipefail
bash "$(dirname "$0")/misc/slurm_run.sh" "$1" "$2" train.py "$3" \
    --work-dir "$4" "${@:5}"
