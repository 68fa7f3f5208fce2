#!/bin/bash
# forget-old.sh FOLDER PATTERN COUNT [PATH...]: of the folders in FOLDER whose names match PATTERN, removes all but the COUNT
# newest, those of PATH, and those that something is mounted from: a machine runs on them.
set -euo pipefail
folder=$1 pattern=$2 count=$3
shift 3

declare -A excepted=()
for path in "$@"; do excepted[$path]=yes; done

find "$folder" -mindepth 1 -maxdepth 1 -type d -name "$pattern" -printf '%T@ %p\n' | sort -rn | cut -d ' ' -f 2- |
  while read -r path; do
    if [ -n "${excepted[$path]:-}" ]; then continue; fi
    if [ "$count" -gt 0 ]; then count=$((count - 1)) && continue; fi
    if ! grep -qsF "$path" /proc/[0-9]*/mountinfo; then rm -rf --one-file-system "$path"; fi
  done
