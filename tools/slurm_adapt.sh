#!/usr/bin/env bash
# [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#     bash tools/slurm_adapt.sh PARTITION JOB_NAME IMAGES [options of adapt.py]
set -euo pipefail
bash "$(dirname "$0")/misc/slurm_run.sh" "$1" "$2" adapt.py "${@:3}"
