#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Start times and memory of a broker that has something to remember.
#
#   run-restart.sh MAGNETAR [--bench FILE] [--dir DIR] [--topics N] [--gb G]
#
# 1. empty: time from start to `ready`, RssAnon.
# 2. --topics (1000000) topics, each with a durable subscription and one
#    unacknowledged message; stopped and started: the same two figures.
# 3. --gb (10) GB of backlog; kill -9, page cache dropped if we may; started.
# Prints one JSON line for each.
set -euo pipefail

bench=./bench/magnetar-bench dir=${TMPDIR:-/tmp} topics=1000000 gb=10
magnetar=${1:?MAGNETAR}
shift
while [ $# -gt 0 ]; do
	case $1 in
	--bench) bench=$2 ;;
	--dir) dir=$2 ;;
	--topics) topics=$2 ;;
	--gb) gb=$2 ;;
	*) sed -n '3,/^set/{/^#/p}' "$0"; exit 2 ;;
	esac
	shift 2
done

# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
lib_init

report() { # label
	echo "{\"label\": \"$1\", \"wall_ms\": $wall_ms, \"ready_ms\": $start_ms, $(mem_fields "$broker")}"
}

broker_start "$magnetar" "$work/topics"
report empty
if [ "$topics" -gt 0 ]; then
	"$bench" --url "$pulsar" --pid "$broker" --make-topics "$topics" --size 100 \
		--topic persistent://public/default/many --parallel 256 >&2
	report "made-$topics-topics"
	broker_stop TERM
	broker_start "$magnetar" "$work/topics"
	report "restart-$topics-topics"
fi
broker_stop TERM
rm -rf "$work/topics"

if [ "$gb" -gt 0 ]; then
	broker_start "$magnetar" "$work/backlog"
	"$bench" --url "$pulsar" --pid "$broker" --batch 1000 --leave \
		--topic persistent://public/default/big \
		--count $((gb * 1000000000 / 1024)) >&2
	broker_stop KILL
	sync
	if echo 3 2>/dev/null >/proc/sys/vm/drop_caches; then
		label=cold
	else
		label=warm
	fi
	broker_start "$magnetar" "$work/backlog"
	report "kill9-${gb}GB-$label"
	broker_stop TERM
fi
