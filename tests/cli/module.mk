# SPDX-License-Identifier: Apache-2.0
# The command line: options, the lines on stdout, signals, refused data
# directories, inspect; and the commands of doc/secure.md.
dist_check_SCRIPTS += %D%/cli %D%/secure
TESTS += %D%/cli %D%/secure
