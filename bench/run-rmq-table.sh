#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table of measurements of RocketMQ's remoting: the same rows against this
# broker and a reference, synced and not, on this machine.
#
#   run-rmq-table.sh --start MAGNETAR  start this binary on fresh data directories
#                    --reference DIR   and another broker: DIR/up.sh sync|async
#                                      starts it and prints, last, a line of JSON
#                                      with "namesrv", "broker_pid",
#                                      "namesrv_pid", "broker_start_ms" and
#                                      "namesrv_start_ms"; DIR/down.sh stops it
#   run-rmq-table.sh URL PID[,PID] LABEL MODE
#                                      one that runs already (HOST:PORT of its
#                                      name server)
#
#   --bench FILE      magnetar-bench (beside this script's build)
#   --modes "M..."    sync async
#   --sizes "N..."    bytes of a body (1024 128)
#   --rows "R..."     g: memory and start; rN: a client with N threads, each
#                     with one send under way, which is one connection, as that of
#                     the reference's benchmark; bN: the same with batches of 16;
#                     kN: N connections with one send under way; cN: N a second, and
#                     a push consumer; pN: N outstanding by Pulsar's protocol, for
#                     rN (this broker only); push, pull, pop: a backlog, sent in
#                     batches, is consumed; push1: one of single sends
#                     (g r1 r16 r64 p64 r256 k64 b64 c2000 c10000 push pull push1)
#   --warm S --dur S  of each row (5, 10)
#   --count N         messages of push, pull; pop and push1 have a fifth (1000000)
#   --queues N        of each topic (8)
#   --header KIND     json or binary (binary, as the reference's benchmark)
#   --dir DIR         where data directories are made (${TMPDIR:-/tmp})
#   --out FILE        JSON lines, one a row (bench-rmq-table.jsonl)
#
# CPU and memory of a reference are those of its broker and its name server.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bench=./bench/magnetar-bench start= reference= modes="sync async" sizes="1024 128"
rows="g r1 r16 r64 p64 r256 k64 b64 c2000 c10000 push pull push1"
warm=5 dur=10 count=1000000 queues=8 header=binary dir=${TMPDIR:-/tmp}
out=bench-rmq-table.jsonl
args=()
while [ $# -gt 0 ]; do
	case $1 in
	--start) start=$2; shift ;;
	--reference) reference=$2; shift ;;
	--bench) bench=$2; shift ;;
	--modes) modes=$2; shift ;;
	--sizes) sizes=$2; shift ;;
	--rows) rows=$2; shift ;;
	--warm) warm=$2; shift ;;
	--dur) dur=$2; shift ;;
	--count) count=$2; shift ;;
	--queues) queues=$2; shift ;;
	--header) header=$2; shift ;;
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
if [ -z "$start$reference" ] && [ ${#args[@]} -ne 4 ]; then
	echo "give --start MAGNETAR, --reference DIR, or URL PID LABEL MODE" >&2
	exit 2
fi
# shellcheck source=bench/lib.sh
. "$here/lib.sh"
lib_init
: >"$out"
warn_if_busy

ref_up=
ref_down() {
	[ -z "$ref_up" ] || "$reference/down.sh" >&2 || true
	ref_up=
}
trap 'ref_down; lib_cleanup' EXIT

run() { # row, options
	local l=$1.$size.$mode
	shift
	bench_row "$l" "rmq-$$-$label-${l//./-}" --queues "$queues" \
		--header "$header" --size "$size" --subscription "g-$$-${l//./-}" "$@"
}

row() {
	case $1 in
	g) row_memory "g.idle.$mode" ;;
	r*) run "$1" --outstanding "${1#r}" ;;
	b*) run "$1" --outstanding $((${1#b} * 16)) --batch 16 ;;
	k*) run "$1" --threads "${1#k}" ;;
	c*) run "$1" --rate "${1#c}" --consumers 1 ;;
	p[0-9]*) url=$pulsar bench_row "$1.$size.$mode" \
		"persistent://public/default/p-$$-$size-$mode" \
		--size "$size" --outstanding "${1#p}" ;;
	push | pull) run "$1" --consume "$1" --consumers 1 --count "$count" \
		--batch 16 --outstanding 512 ;;
	push1) run "$1" --consume push --consumers 1 --count $((count / 5)) ;;
	pop) run "$1" --consume pop --ack batch --consumers 4 --header json \
		--count $((count / 5)) --batch 16 --outstanding 512 ;;
	*) echo "no row $1" >&2; exit 2 ;;
	esac
}

# Rows that there are of this broker; those without a body's size only once.
rows_now() { # first size
	local r
	for r in $rows; do
		case $r in
		g) [ "$size" != "$1" ] || echo g ;;
		p[0-9]*) [ -z "$pulsar" ] || echo "$r" ;;
		*) echo "$r" ;;
		esac
	done
}

measure_sizes() {
	for size in $sizes; do
		# shellcheck disable=SC2046
		measure $(rows_now "${sizes%% *}")
	done
}

magnetar() {
	local flush=SYNC_FLUSH
	[ "$mode" = sync ] || flush=ASYNC_FLUSH
	broker_start "$start" "$work/data" -o "flushDiskType=$flush"
	url=rocketmq://$namesrv pid=$broker label=magnetar
	measure_sizes
	broker_stop
	rm -rf "$work/data"
}

field() { # name, line of JSON
	sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$2"
}

# A broker that says it is up may not have told its name server yet.
await_route() {
	local _
	for _ in $(seq 120); do
		if "$bench" --url "$url" --topic bench-route --count 1 --leave \
			--warm 0 --quiet >"$work/route" 2>&1; then
			return
		fi
		sleep 0.5
	done
	cat "$work/route" >&2
	exit 1
}

reference() {
	local info
	"$reference/up.sh" "$mode" >"$work/up" || { cat "$work/up" >&2; exit 1; }
	ref_up=1
	info=$(tail -1 "$work/up")
	url=rocketmq://$(field namesrv "$info") pulsar= label=reference
	pid=$(field broker_pid "$info"),$(field namesrv_pid "$info")
	start_ms=$(($(field broker_start_ms "$info") + $(field namesrv_start_ms "$info")))
	await_route
	measure_sizes
	ref_down
}

if [ ${#args[@]} -eq 4 ]; then
	url=rocketmq://${args[0]} pid=${args[1]} label=${args[2]} mode=${args[3]}
	pulsar= start_ms=
	measure_sizes
fi
for mode in $modes; do
	[ -z "$start" ] || magnetar
	[ -z "$reference" ] || reference
done
"$here/table" "$out"
