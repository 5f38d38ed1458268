# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the run-*.sh have in common; they source it.
#
# Before: $dir (where data directories are made), $bench, $magnetar as needed.
# After lib_init: $work, a directory that goes away at the end, and with it the
# broker that was started.

broker=
lib_init() {
	work=$(mktemp -d "$dir/magnetar-bench.XXXXXX")
	trap lib_cleanup EXIT
	trap 'exit 130' INT TERM
}

lib_cleanup() {
	if [ -n "$broker" ] && kill -0 "$broker" 2>/dev/null; then
		kill -KILL "$broker" 2>/dev/null || true
		wait "$broker" 2>/dev/null || true
	fi
	rm -rf "$work"
}

warn_if_busy() {
	local load
	read -r load _ </proc/loadavg
	if awk -v l="$load" 'BEGIN { exit !(l > 1) }'; then
		echo "load average $load: the machine is not quiet" >&2
	fi
}

# broker_start MAGNETAR DATA OPTIONS...: sets $broker (its pid), $start_ms (as it
# says itself), $wall_ms, $pulsar and $namesrv (HOST:PORT).
broker_start() {
	local magnetar=$1 data=$2 t0
	shift 2
	mkdir -p "$data"
	: >"$work/stdout"
	t0=$(date +%s%N)
	"$magnetar" -D "$data" -o brokerServicePort=0 -o webServicePort=0 \
		-o namesrvPort=0 -o listenPort=0 -o fastListenPort=0 "$@" \
		>"$work/stdout" 2>>"$work/stderr" &
	broker=$!
	for _ in $(seq 60000); do
		grep -q '^ready in' "$work/stdout" && break
		if ! kill -0 "$broker" 2>/dev/null; then
			tail -5 "$work/stderr" >&2
			echo "the broker ended" >&2
			exit 1
		fi
		sleep 0.002
	done
	wall_ms=$((($(date +%s%N) - t0) / 1000000))
	start_ms=$(sed -n 's/^ready in \([0-9.]*\) ms.*/\1/p' "$work/stdout")
	pulsar=$(sed -n 's/^listening pulsar \([^ ]*\).*/\1/p' "$work/stdout" | head -1)
	namesrv=$(sed -n 's/^listening namesrv \([^ ]*\).*/\1/p' "$work/stdout" | head -1)
	if [ -z "$pulsar" ] || [ -z "$start_ms" ]; then
		echo "the broker isn't ready" >&2
		exit 1
	fi
}

broker_stop() { # signal
	kill "-${1:-TERM}" "$broker"
	wait "$broker" 2>/dev/null || true
	broker=
}

# mem_fields PID[,PID...]: a row's fields of memory, added up
mem_fields() {
	local p files=()
	for p in ${1//,/ }; do
		files+=("/proc/$p/status")
	done
	cat "${files[@]}" | awk '
	/^VmRSS/ { r += $2 } /^VmHWM/ { h += $2 } /^RssAnon/ { a += $2 }
	END { printf "\"rss_mib\": %.1f, \"rss_anon_mib\": %.1f, \"hwm_mib\": %.1f", r / 1024, a / 1024, h / 1024 }'
}

# row_memory LABEL: the broker before it had anything to do
row_memory() {
	echo "{\"broker\": \"$label\", \"label\": \"$1\", \"cmd\": \"mem\", $(mem_fields "$pid"), \"start_ms\": ${start_ms:-null}}"
}

# What the disk takes, synced, in 1 MiB writes: a ceiling for big batches.
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

# bench_row LABEL TOPIC OPTIONS...: one line of JSON, against $url and $pid
bench_row() {
	local l=$1 t=$2
	shift 2
	if ! "$bench" --url "$url" --pid "$pid" --topic "$t" --label "$l" \
		--warm "$warm" --dur "$dur" --quiet --json "$work/row" "$@" >&2 &&
		[ ! -s "$work/row" ]; then
		echo "{\"broker\": \"$label\", \"label\": \"$l\", \"error\": true}"
	else
		sed "s/^{/{\"broker\": \"$label\", /" "$work/row"
	fi
	rm -f "$work/row"
}

# measure ROW...: calls row for each; what it says goes to $out
measure() {
	local r
	for r in "$@"; do
		row "$r" >>"$out"
		sleep 1
	done
}
