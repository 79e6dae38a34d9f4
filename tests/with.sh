#!/usr/bin/env bash
# Runs a test of a part that ./run_tests leaves out unless it is asked for, however much of what it needs is installed:
#
#   tests/with.sh web tests/web/run_test.sh page     # after ./run_tests --with=web, or from ctest by hand
#
# Exit 77 (ctest's "skipped") where it was not asked for; else the command's.
set -euo pipefail

part="$1"
shift
if [[ " ${TARN_WITH-${part}} " != *" ${part} "* ]]; then
  echo "skipped: ./run_tests --with=${part} runs it"
  exit 77
fi
exec "$@"
