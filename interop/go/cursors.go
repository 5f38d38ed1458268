// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// Seek, readers, the last message id.
func init() {
	scenarios["seek-id"] = seekID
	scenarios["seek-time"] = seekTime
	scenarios["reader-id"] = readerID
	scenarios["reader-ends"] = readerEnds
	scenarios["last-message-id"] = lastMessageID
}

func seek(s pulsar.Consumer, id pulsar.MessageID) {
	ok(s.Seek(id), "seek")
}

func seekID(c *ctx) {
	// (this client's own constants name no partition, and it refuses to seek there)
	earliest := pulsar.NewMessageID(-1, -1, -1, 0)
	latest := pulsar.NewMessageID(math.MaxInt64, math.MaxInt64, -1, 0)
	t := c.topic()
	s, p := c.subscribe(t), c.producer(t)
	ids := sendN(p, 0, 20)
	receiveN(s, 20)
	seek(s, ids[5])
	equal(texts(receiveN(s, 14)), bodies(6, 14), "back: what follows the message")
	nothing(s)
	seek(s, earliest)
	equal(texts(receiveN(s, 10)), bodies(0, 10), "earliest")
	seek(s, ids[14])
	equal(texts(receiveN(s, 5)), bodies(15, 5), "forward")
	seek(s, earliest)
	seek(s, latest)
	nothing(s)
	sendN(p, 20, 3)
	equal(texts(receiveN(s, 3)), bodies(20, 3), "latest: only what comes now")
	s.Close()
	s = c.subscribe(t, func(o *pulsar.ConsumerOptions) { o.StartMessageIDInclusive = true })
	seek(s, ids[5])
	equal(texts(receiveN(s, 18)), bodies(5, 18), "back, with the message itself")
	s.Close()
	nothing(c.subscribe(t))
	t = c.topic("batch")
	s = c.subscribe(t)
	ids = sendN(c.producer(t, batches(10)), 0, 30)
	receiveN(s, 30)
	seek(s, ids[13])
	equal(texts(receiveN(s, 16)), bodies(14, 16), "the rest of the batch and what follows")
	nothing(s)
}

func seekTime(c *ctx) {
	t := c.topic()
	s, p := c.subscribe(t), c.producer(t)
	sendN(p, 0, 10)
	time.Sleep(50 * time.Millisecond)
	middle := time.Now()
	time.Sleep(50 * time.Millisecond)
	sendN(p, 10, 10)
	receiveN(s, 20)
	to := func(when time.Time) { ok(s.SeekByTime(when), "seek") }
	to(middle)
	equal(texts(receiveN(s, 10)), bodies(10, 10), "back")
	nothing(s)
	to(time.UnixMilli(1))
	equal(texts(receiveN(s, 5)), bodies(0, 5), "before everything")
	to(middle)
	equal(texts(receiveN(s, 10)), bodies(10, 10), "forward")
	to(time.UnixMilli(1))
	to(time.Now().Add(100 * time.Second))
	nothing(s)
	sendN(p, 20, 3)
	equal(texts(receiveN(s, 3)), bodies(20, 3), "after everything: only what comes now")
}

func readerID(c *ctx) {
	t := c.topic()
	ids := sendN(c.producer(t), 0, 20)
	r := c.reader(t, ids[9], false)
	equal(readN(r, 10), bodies(10, 10), "exclusive")
	check(!r.HasNext(), "nothing more")
	equal(readN(c.reader(t, ids[9], true), 11), bodies(9, 11), "inclusive")
	id, err := pulsar.DeserializeMessageID(ids[4].Serialize())
	ok(err, "an id from bytes")
	r = c.reader(t, id, false)
	equal(readN(r, 15), bodies(5, 15), "from an id that was stored as bytes")
	ok(r.Seek(ids[15]), "seek")
	equal(readN(r, 4), bodies(16, 4), "after a seek")
	t = c.topic("batch")
	ids = sendN(c.producer(t, batches(10)), 0, 30)
	equal(readN(c.reader(t, ids[13], false), 16), bodies(14, 16), "from inside a batch")
	equal(readN(c.reader(t, ids[13], true), 17), bodies(13, 17), "from inside a batch, inclusive")
}

func readerEnds(c *ctx) {
	t := c.topic()
	p := c.producer(t)
	sendN(p, 0, 10)
	first := c.reader(t, pulsar.EarliestMessageID(), false)
	last := c.reader(t, pulsar.LatestMessageID(), false)
	check(first.HasNext(), "messages from the earliest")
	check(!last.HasNext(), "none from the latest")
	equal(readN(first, 10), bodies(0, 10), "earliest")
	check(!first.HasNext(), "all read")
	sendN(p, 10, 5)
	check(first.HasNext(), "more")
	// (from the latest this client says "none" until it has read one)
	equal(readN(last, 5), bodies(10, 5), "latest")
	equal(readN(first, 5), bodies(10, 5), "earliest goes on")
	check(!last.HasNext(), "all read")
	subs, _ := at(c.stats(t), "subscriptions").(map[string]any)
	equal(len(subs), 2, "subscriptions of readers")
	for _, s := range subs {
		equal(at(s, "durable"), any(false), "readers are not durable")
	}
	first.Close()
	last.Close()
	until("a reader leaves nothing behind", 15, func() bool { return length(at(c.stats(t), "subscriptions")) == 0 })
}

func lastMessageID(c *ctx) {
	t := c.topic()
	s := c.subscribe(t)
	last := func() pulsar.MessageID {
		l, err := s.GetLastMessageIDs()
		ok(err, "last message id")
		equal(len(l), 1, "ids")
		equal(l[0].Topic(), t, "topic")
		return l[0]
	}
	equal(last().EntryID(), int64(-1), "an empty topic")
	equal(where(last()), where(last()), "the same again")
	one := sendText(c.producer(t), "m-0")
	equal(where(last()), where(one), "a message")
	ids := sendN(c.producer(t, batches(10)), 0, 10)
	equal(where(last()), where(ids[9]), "a batch")
	equal(last().BatchIdx(), int32(9), "its last message")
	receiveN(s, 11)
	equal(where(last()), where(ids[9]), "acks don't move it")
}
