#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table of measurements: the same rows against any broker that speaks the
# Pulsar protocol, on this machine.
#
#   run-table.sh --start MAGNETAR   start this binary on a fresh data directory
#   run-table.sh URL PID [LABEL]    a broker that runs already (HOST:PORT; its
#                                   pid, for CPU time and memory)
# Both may be given: the rows are run against the one, then the other.
#
#   --bench FILE      magnetar-bench (beside this script's build)
#   --rows "R..."     disk g b1 b16 b64 b256 b1000 a am at c2k c20k d e f i
#                     (all but am, f by default)
#   --warm S --dur S  of each row (5, 10)
#   --count N         messages of d; e has a fifth of them (1000000)
#   --dir DIR         where data directories are made (${TMPDIR:-/tmp})
#   --out FILE        JSON lines, one a row (bench-table.jsonl)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bench=./bench/magnetar-bench start= rows="disk g b1 b16 b64 b256 b1000 a at c2k c20k d e i"
warm=5 dur=10 count=1000000 dir=${TMPDIR:-/tmp} out=bench-table.jsonl
args=()
while [ $# -gt 0 ]; do
	case $1 in
	--start) start=$2; shift ;;
	--bench) bench=$2; shift ;;
	--rows) rows=$2; shift ;;
	--warm) warm=$2; shift ;;
	--dur) dur=$2; shift ;;
	--count) count=$2; shift ;;
	--dir) dir=$2; shift ;;
	--out) out=$2; shift ;;
	-h | --help | -*) sed -n '3,/^set/{/^#/p}' "$0"; exit 2 ;;
	*) args+=("$1") ;;
	esac
	shift
done
if [ ! -x "$bench" ]; then
	echo "no $bench: give --bench" >&2
	exit 2
fi
if [ -z "$start" ] && [ ${#args[@]} -lt 2 ]; then
	echo "give --start MAGNETAR, or URL PID" >&2
	exit 2
fi

work=$(mktemp -d "$dir/magnetar-table.XXXXXX")
broker=
cleanup() {
	if [ -n "$broker" ] && kill -0 "$broker" 2>/dev/null; then
		kill "$broker" 2>/dev/null || true
		wait "$broker" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
: >"$out"

read -r load _ </proc/loadavg
if awk -v l="$load" 'BEGIN { exit !(l > 1) }'; then
	echo "load average $load: the machine is not quiet" >&2
fi

# What the disk takes, synced, in 1 MiB writes: a ceiling for row am.
row_disk() {
	local f=$work/disk t0 t1
	dd if=/dev/zero of="$f" bs=1M count=512 oflag=direct 2>/dev/null ||
		dd if=/dev/zero of="$f" bs=1M count=512 2>/dev/null
	sync "$f"
	t0=$(date +%s%N)
	dd if=/dev/zero of="$f" bs=1M count=512 oflag=direct,dsync \
		conv=notrunc 2>/dev/null ||
		dd if=/dev/zero of="$f" bs=1M count=512 oflag=dsync \
			conv=notrunc 2>/dev/null
	t1=$(date +%s%N)
	rm -f "$f"
	awk -v n=$((t1 - t0)) -v l="$label" 'BEGIN {
		printf "{\"broker\": \"%s\", \"label\": \"disk\", \"cmd\": \"disk\", \"mb_s\": %.1f}\n", l, 536.870912 / (n / 1e9) }'
}

row_memory() {
	awk -v b="$label" -v s="${start_ms:-null}" '
	/^VmRSS/ { r = $2 } /^VmHWM/ { h = $2 } /^RssAnon/ { a = $2 }
	END { printf "{\"broker\": \"%s\", \"label\": \"g.idle\", \"cmd\": \"mem\", \"rss_mib\": %.1f, \"rss_anon_mib\": %.1f, \"hwm_mib\": %.1f, \"start_ms\": %s}\n", b, r / 1024, a / 1024, h / 1024, s }' \
		"/proc/$pid/status"
}

run() { # label, options
	local l=$1 t="persistent://public/default/table-$$-$n-${1//[^a-z0-9]/-}"
	shift
	if ! "$bench" --url "$url" --pid "$pid" --topic "$t" --label "$l" \
		--warm "$warm" --dur "$dur" --quiet --json "$work/row" "$@" >&2; then
		echo "{\"broker\": \"$label\", \"label\": \"$l\", \"error\": true}"
		rm -f "$work/row"
		return
	fi
	sed "s/^{/{\"broker\": \"$label\", /" "$work/row"
	rm -f "$work/row"
}

row() {
	case $1 in
	disk) row_disk ;;
	g) row_memory ;;
	b1 | b16 | b64 | b256 | b1000)
		run "b.single-${1#b}" --outstanding "${1#b}" ;;
	a) run a.batched-flat --batch 120 ;;
	am) run a.batched-1MB --batch 1000 ;;
	at) run a.batched+tail --batch 120 --consumers 1 ;;
	c2k) run c.2k+tail --rate 2000 --batch 120 --consumers 1 ;;
	c20k) run c.20k+tail --rate 20000 --batch 120 --consumers 1 ;;
	d) run d.catchup-batched --count "$count" --batch 120 ;;
	e) run e.catchup-single --count $((count / 5)) ;;
	f) run f.key_shared-4 --type key_shared --consumers 4 --keys 64 \
		--batch 120 ;;
	i) run i.1000-connections --rate 10 --idle 1000 ;;
	*) echo "no row $1" >&2; exit 2 ;;
	esac
}

n=0
measure() { # URL PID LABEL
	local r
	url=$1 pid=$2 label=$3
	n=$((n + 1))
	for r in $rows; do
		row "$r" | tee -a "$out" >/dev/null
		sleep 1
	done
}

if [ -n "$start" ]; then
	mkdir "$work/data"
	"$start" -D "$work/data" -o brokerServicePort=0 -o webServicePort=0 -o namesrvPort=0 -o listenPort=0 -o fastListenPort=0 \
		>"$work/stdout" 2>"$work/stderr" &
	broker=$!
	for _ in $(seq 200); do
		grep -q '^ready in' "$work/stdout" && break
		if ! kill -0 "$broker" 2>/dev/null; then
			cat "$work/stderr" >&2
			echo "the broker ended" >&2
			exit 1
		fi
		sleep 0.05
	done
	start_ms=$(sed -n 's/^ready in \([0-9.]*\) ms.*/\1/p' "$work/stdout")
	addr=$(sed -n 's/^listening pulsar \([^ ]*\).*/\1/p' "$work/stdout" | head -1)
	if [ -z "$addr" ] || [ -z "$start_ms" ]; then
		echo "the broker isn't ready" >&2
		exit 1
	fi
	measure "$addr" "$broker" magnetar
	kill "$broker"
	wait "$broker" || true
	broker=
	start_ms=
fi
if [ ${#args[@]} -ge 2 ]; then
	measure "${args[0]}" "${args[1]}" "${args[2]:-reference}"
fi
"$here/table" "$out"
