# SPDX-License-Identifier: Apache-2.0
# The command line: options, the lines on stdout, signals, refused data
# directories, inspect.
dist_check_SCRIPTS += %D%/cli
TESTS += %D%/cli
