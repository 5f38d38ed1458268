/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a connection was closed: CLOSE(name, counter, is_error, text)
 *
 * counter	label in magnetar_connections_closed_total{reason=...}, as
 *		tbl/metrics.h makes one of each line
 * is_error	1: worth a log line at INFO; 0: ordinary life
 */
CLOSE(PEER, peer, 0, "closed by peer")
CLOSE(PEER_RESET, peer_reset, 1, "reset by peer")
CLOSE(OURS, ours, 0, "closed by us")
CLOSE(SHUTDOWN, shutdown, 0, "broker is shutting down")
CLOSE(IDLE, idle, 0, "idle too long")
CLOSE(HANDSHAKE_TIMEOUT, handshake_timeout, 1, "no handshake in time")
CLOSE(SLOW, slow, 1, "did not finish in time what it began")
CLOSE(KEEPALIVE, keepalive, 1, "no answer to keep-alive")
CLOSE(FLUSH_TIMEOUT, flush_timeout, 1, "did not take our last bytes in time")
CLOSE(TX_LIMIT, tx_limit, 1, "output over the hard limit")
CLOSE(MALFORMED, malformed, 1, "malformed frame")
CLOSE(NOT_OURS, not_ours, 1, "another protocol")
CLOSE(FRAME_TOO_BIG, frame_too_big, 1, "frame over the limit")
CLOSE(PROTOCOL, protocol, 1, "protocol violation")
CLOSE(CHECKSUM, checksum, 1, "checksum does not match")
CLOSE(AUTHENTICATION, authentication, 1, "authentication failed")
CLOSE(EXPIRED, expired, 1, "credentials have expired")
CLOSE(LIMIT, limit, 1, "too many connections")
CLOSE(EVICTED, evicted, 0, "made room for a newer connection")
CLOSE(TLS, tls, 1, "TLS failed")
CLOSE(NOT_TLS, not_tls, 1, "not TLS, where it is required")
CLOSE(IO, io, 1, "socket error")

#undef CLOSE
