#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A backlog that no memory holds: --gb (10) GB on one topic, then on 64; each
# consumed once by a fast consumer alone, once beside a consumer on a
# subscription of its own that never reads what it asked for. The rate should not
# differ, and RssAnon should stay within bufferBudgetMB and what the process needs.
#
#   run-backlog.sh MAGNETAR [--bench FILE] [--dir DIR] [--gb G]
#
# Prints one JSON line for each of the four.
set -euo pipefail

bench=./bench/magnetar-bench dir=${TMPDIR:-/tmp} gb=10
magnetar=${1:?MAGNETAR}
shift
while [ $# -gt 0 ]; do
	case $1 in
	--bench) bench=$2 ;;
	--dir) dir=$2 ;;
	--gb) gb=$2 ;;
	*) sed -n '3,/^set/{/^#/p}' "$0"; exit 2 ;;
	esac
	shift 2
done

# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
lib_init

row() { # topics, stalled
	broker_start "$magnetar" "$work/data"
	"$bench" --url "$pulsar" --pid "$broker" --quiet --batch 1000 \
		--topic persistent://public/default/backlog --topics "$1" --stalled "$2" \
		--count $((gb * 1000000000 / 1024)) --json - \
		--label "${gb}GB-on-$1-stalled-$2" 2>&1 | grep '^{'
	broker_stop
	rm -rf "$work/data"
}

for topics in 1 64; do
	for stalled in 0 1; do
		row "$topics" "$stalled"
	done
done
