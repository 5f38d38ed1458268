/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link that a message carries to stand in a mailbox (os/mbox.h). It is here
 * so that layers which never post anything themselves can define messages.
 */
#ifndef BASE_MBOX_MSG_H
#define BASE_MBOX_MSG_H

struct mbox_msg {
	struct mbox_msg *next;
};

#endif
