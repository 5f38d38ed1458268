# SPDX-License-Identifier: Apache-2.0
"""The kill -9 loop's parts: wire (protocol), load (clients), books (checker), selftest."""
