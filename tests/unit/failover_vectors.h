/* SPDX-License-Identifier: Apache-2.0 */
/* made as test_core_single.c says */
{ "persistent://public/default/topic", { 0, 1, 2, 3 } },
{ "persistent://public/default/orders", { 0, 0, 0, 3 } },
{ "persistent://t/n/a", { 0, 0, 2, 3 } },
{ "persistent://public/default/my-topic-7", { 0, 1, 2, 2 } },
{ "persistent://public/default/x", { 0, 1, 1, 3 } },
{ "persistent://a/b/c0", { 0, 0, 2, 2 } },
