# SPDX-License-Identifier: Apache-2.0
"""The driver of the interop suite: installs clients, runs brokers, runs scenarios."""
