#!/usr/bin/env bash
# What slurm_train.sh and slurm_test.sh share:
#     bash tools/misc/slurm_run.sh PARTITION JOB_NAME SCRIPT [arguments]
set -euo pipefail
TOOLS=$(dirname "$0")/..

# shellcheck disable=SC2086  # SRUN_ARGS may hold several options
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" srun -p "$1" \
    --job-name="$2" \
    --gres="gpu:${GPUS_PER_NODE:-8}" \
    --ntasks="${GPUS:-8}" \
    --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$TOOLS/$3" "${@:4}" --launcher slurm
