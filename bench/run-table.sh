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
# shellcheck source=bench/lib.sh
. "$here/lib.sh"
lib_init
: >"$out"
warn_if_busy

n=0
run() { # label, options
	local l=$1
	shift
	bench_row "$l" "persistent://public/default/table-$$-$n-${l//[^a-z0-9]/-}" "$@"
}

row() {
	case $1 in
	disk) row_disk ;;
	g) row_memory g.idle ;;
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

if [ -n "$start" ]; then
	broker_start "$start" "$work/data"
	url=$pulsar pid=$broker label=magnetar
	# shellcheck disable=SC2086
	measure $rows
	broker_stop
	start_ms=
fi
if [ ${#args[@]} -ge 2 ]; then
	n=1 url=${args[0]} pid=${args[1]} label=${args[2]:-reference}
	# shellcheck disable=SC2086
	measure $rows
fi
"$here/table" "$out"
