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

work=$(mktemp -d "$dir/magnetar-restart.XXXXXX")
pid=
cleanup() {
	if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
		kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

start() { # data directory
	local t0 t1
	mkdir -p "$1"
	: >"$work/stdout"
	t0=$(date +%s%N)
	"$magnetar" -D "$1" -o brokerServicePort=0 -o webServicePort=0 -o namesrvPort=0 -o listenPort=0 -o fastListenPort=0 \
		>"$work/stdout" 2>>"$work/stderr" &
	pid=$!
	for _ in $(seq 60000); do
		grep -q '^ready in' "$work/stdout" && break
		if ! kill -0 "$pid" 2>/dev/null; then
			tail -5 "$work/stderr" >&2
			echo "the broker ended" >&2
			exit 1
		fi
		sleep 0.002
	done
	t1=$(date +%s%N)
	wall_ms=$(((t1 - t0) / 1000000))
	url=$(sed -n 's/^listening pulsar \([^ ]*\).*/\1/p' "$work/stdout" | head -1)
	ready_ms=$(sed -n 's/^ready in \([0-9.]*\) ms.*/\1/p' "$work/stdout")
}

report() { # label
	awk -v l="$1" -v w="$wall_ms" -v r="$ready_ms" '
	/^VmRSS/ { s = $2 } /^RssAnon/ { a = $2 } /^VmHWM/ { h = $2 }
	END { printf "{\"label\": \"%s\", \"wall_ms\": %d, \"ready_ms\": %s, \"rss_mib\": %.1f, \"rss_anon_mib\": %.1f, \"hwm_mib\": %.1f}\n", l, w, r, s / 1024, a / 1024, h / 1024 }' \
		"/proc/$pid/status"
}

stop() { # signal
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null || true
	pid=
}

start "$work/topics"
report empty
if [ "$topics" -gt 0 ]; then
	"$bench" --url "$url" --pid "$pid" --make-topics "$topics" --size 100 \
		--topic persistent://public/default/many --parallel 256 >&2
	report "made-$topics-topics"
	stop TERM
	start "$work/topics"
	report "restart-$topics-topics"
fi
stop TERM
rm -rf "$work/topics"

if [ "$gb" -gt 0 ]; then
	start "$work/backlog"
	"$bench" --url "$url" --pid "$pid" --batch 1000 --leave \
		--topic persistent://public/default/big \
		--count $((gb * 1000000000 / 1024)) >&2
	stop KILL
	sync
	if echo 3 2>/dev/null >/proc/sys/vm/drop_caches; then
		label=cold
	else
		label=warm
	fi
	start "$work/backlog"
	report "kill9-${gb}GB-$label"
	stop TERM
fi
