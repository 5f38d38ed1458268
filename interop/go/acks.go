// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// Acknowledgements, negative acknowledgements, redelivery, retry and dead letters.
func init() {
	scenarios["ack-individual"] = ackIndividual
	scenarios["ack-cumulative"] = ackCumulative
	scenarios["ack-batch-index"] = ackBatchIndex
	scenarios["ack-receipt"] = ackReceipt
	scenarios["nack"] = nack
	scenarios["retry-letter"] = retryLetter
	scenarios["dead-letter"] = deadLetter
}

func nackAfter(d time.Duration) func(*pulsar.ConsumerOptions) {
	return func(o *pulsar.ConsumerOptions) { o.NackRedeliveryDelay = d }
}

func ackIndividual(c *ctx) {
	t := c.topic()
	subs := map[string]pulsar.SubscriptionType{"one": pulsar.Exclusive, "two": pulsar.Shared}
	for name, kind := range subs {
		c.subscribe(t, named(name), typed(kind)).Close()
	}
	sendN(c.producer(t), 0, 100)
	for name, kind := range subs {
		s := c.subscribe(t, named(name), typed(kind))
		var many []pulsar.MessageID
		for i, m := range takeN(s, 100) {
			if i%2 == 1 && i < 50 {
				ok(s.Ack(m), "ack")
			} else if i%2 == 1 {
				many = append(many, m.ID())
			}
		}
		ok(s.AckIDList(many), "ack of many")
		s.Close()
		s = c.subscribe(t, named(name), typed(kind))
		got := receiveN(s, 50)
		equal(numbers(got), ints(0, 100, func(i int) bool { return i%2 == 0 }), "the unacked half comes again, in order")
		nothing(s)
		ok(s.Ack(got[0]), "a second ack is nothing to worry about")
		s.Close()
		nothing(c.subscribe(t, named(name), typed(kind)))
		c.noBacklog(t, name)
	}
}

func ackCumulative(c *ctx) {
	t := c.topic()
	subs := map[string]pulsar.SubscriptionType{"one": pulsar.Exclusive, "two": pulsar.Failover}
	for name, kind := range subs {
		c.subscribe(t, named(name), typed(kind)).Close()
	}
	sendN(c.producer(t), 0, 100)
	for name, kind := range subs {
		s := c.subscribe(t, named(name), typed(kind))
		got := takeN(s, 100)
		ok(s.Ack(got[80]), "ack")
		ok(s.AckCumulative(got[59]), "cumulative ack")
		s.Close()
		s = c.subscribe(t, named(name), typed(kind))
		got = takeN(s, 39)
		equal(numbers(got), ints(60, 100, func(i int) bool { return i != 80 }), "what was behind the ack")
		ok(s.AckCumulative(got[38]), "cumulative ack")
		s.Close()
		nothing(c.subscribe(t, named(name), typed(kind)))
		c.noBacklog(t, name)
	}
	s := c.subscribe(t, named("three"), typed(pulsar.Shared))
	fails(s.AckCumulative(takeN(s, 1)[0]), 0, "cumulative ack, Shared")
}

func ackBatchIndex(c *ctx) {
	t := c.topic()
	sub := func() pulsar.Consumer {
		return c.subscribe(t, func(o *pulsar.ConsumerOptions) { o.EnableBatchIndexAcknowledgment = true })
	}
	sub().Close()
	sendN(c.producer(t, batches(10)), 0, 100)
	s := sub()
	got := takeN(s, 100)
	for i, m := range got {
		equal(m.ID().BatchIdx(), int32(i%10), "batches of ten")
	}
	// none of the batch that the cumulative ack below ends in: brokers differ in whether it unites with these
	left := ints(0, 100, func(i int) bool { return i%3 != 0 || i >= 40 && i < 50 })
	for i, m := range got {
		if !slices.Contains(left, i) {
			ok(s.Ack(m), "ack")
		}
	}
	s.Close()
	s = sub()
	got = takeN(s, len(left))
	equal(numbers(got), left, "only the unacked messages of each batch come again")
	ok(s.AckCumulative(got[slices.Index(left, 44)]), "cumulative ack")
	s.Close()
	left = slices.DeleteFunc(left, func(i int) bool { return i <= 44 })
	s = sub()
	equal(numbers(receiveN(s, len(left))), left, "what was behind the cumulative ack")
	s.Close()
	nothing(sub())
	c.noBacklog(t, "sub")
}

func ackReceipt(c *ctx) {
	t := c.topic()
	receipts := func(o *pulsar.ConsumerOptions) { o.AckWithResponse = true }
	s := c.subscribe(t, receipts)
	sendN(c.producer(t), 0, 100)
	got := takeN(s, 100)
	var many []pulsar.MessageID
	for i, m := range got[:60] {
		if i < 40 {
			ok(s.Ack(m), "ack")
		} else {
			many = append(many, m.ID())
		}
	}
	equal(c.backlog(t, "sub"), 60, "backlog after the receipts")
	ok(s.AckIDList(many), "ack of many")
	ok(s.AckCumulative(got[79]), "cumulative ack")
	equal(c.backlog(t, "sub"), 20, "backlog after the receipts")
	s.Close()
	s = c.subscribe(t, receipts, func(o *pulsar.ConsumerOptions) { o.EnableBatchIndexAcknowledgment = true })
	equal(texts(receiveN(s, 20)), bodies(80, 20), "the rest")
	sendN(c.producer(t, batches(10)), 0, 10)
	equal(texts(receiveN(s, 10)), bodies(0, 10), "a batch, acked one by one")
	s.Close()
	nothing(c.subscribe(t))
}

func nack(c *ctx) {
	t := c.topic()
	s := c.subscribe(t, typed(pulsar.Shared), nackAfter(100*time.Millisecond))
	sendN(c.producer(t), 0, 10)
	var got []pulsar.Message
	for count := range uint32(4) {
		got = takeN(s, 10)
		equal(sorted(texts(got)), bodies(0, 10), "all ten")
		for _, m := range got {
			equal(m.RedeliveryCount(), count, "redelivery count")
			if count < 3 {
				s.Nack(m)
			}
		}
	}
	for _, m := range got[1:] {
		ok(s.Ack(m), "ack")
	}
	s.Nack(got[0])
	m := receiveN(s, 1)[0]
	equal(text(m), text(got[0]), "the one that was left")
	equal(m.RedeliveryCount(), uint32(4), "its count")
	nothing(s)
	s.Close()
	s = c.subscribe(t, named("other"), nackAfter(100*time.Millisecond))
	for i, m := range takeN(s, 10) {
		if i < 5 {
			ok(s.Ack(m), "ack")
		} else {
			s.Nack(m)
		}
	}
	equal(texts(receiveN(s, 5)), bodies(5, 5), "exclusive subscription: in order")
	nothing(s)
}

func letters(p pulsar.Producer) {
	for i := range 10 {
		send(p, &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i), Key: fmt.Sprintf("k%d", i),
			Properties: map[string]string{"n": fmt.Sprint(i)}})
	}
}

// deliveries acks the even ones; the odd ones come three times and go to refuse.
func deliveries(s pulsar.Consumer, refuse func(m pulsar.Message, before int)) {
	counts := map[int]int{}
	for range 20 {
		m := takeN(s, 1)[0]
		n := number(m)
		if n%2 == 0 {
			ok(s.Ack(m), "ack")
		} else {
			refuse(m, counts[n])
		}
		counts[n]++
	}
	for i := range 10 {
		equal(counts[i], 1+i%2*2, fmt.Sprintf("deliveries of %d", i))
	}
}

func (c *ctx) deadLetters(dlq string) []pulsar.Message {
	got := receiveN(c.subscribe(dlq, named("undertaker")), 5)
	equal(sorted(texts(got)), []string{"m-1", "m-3", "m-5", "m-7", "m-9"}, "dead letters")
	for _, m := range got {
		equal(m.Properties()["n"], fmt.Sprint(number(m)), "own properties")
		equal(m.Key(), fmt.Sprintf("k%d", number(m)), "key")
	}
	return got
}

func retryLetter(c *ctx) {
	t := c.topic()
	retry, dlq := t+"-sub-RETRY", t+"-sub-DLQ"
	c.subscribe(dlq, named("undertaker")).Close()
	s := c.subscribe(t, typed(pulsar.Shared), func(o *pulsar.ConsumerOptions) {
		o.RetryEnable = true
		o.DLQ = &pulsar.DLQPolicy{MaxDeliveries: 2}
	})
	letters(c.producer(t))
	deliveries(s, func(m pulsar.Message, before int) {
		p := m.Properties()
		equal(p["n"], fmt.Sprint(number(m)), "own properties")
		if before > 0 {
			equal(p["RECONSUMETIMES"], fmt.Sprint(before), "RECONSUMETIMES")
			equal(m.Topic(), retry, "retry topic")
			equal(p["REAL_TOPIC"], t, "REAL_TOPIC")
			check(p["DELAY_TIME"] != "", "DELAY_TIME")
		}
		s.ReconsumeLater(m, 500*time.Millisecond)
	})
	for _, m := range c.deadLetters(dlq) {
		p := m.Properties()
		equal(p["REAL_TOPIC"], t, "REAL_TOPIC")
		check(p["ORIGIN_MESSAGE_ID"] != "" || p["ORIGIN_MESSAGE_IDY_TIME"] != "", "origin id: %v", p)
	}
	nothing(s)
	c.noBacklog(t, "sub")
	c.noBacklog(retry, "sub")
}

func deadLetter(c *ctx) {
	t, dlq := c.topic(), c.topic("dlq")
	// (this client counts deliveries, not redeliveries)
	s := c.subscribe(t, typed(pulsar.Shared), nackAfter(100*time.Millisecond), func(o *pulsar.ConsumerOptions) {
		o.DLQ = &pulsar.DLQPolicy{MaxDeliveries: 3, DeadLetterTopic: dlq, InitialSubscriptionName: "undertaker"}
	})
	letters(c.producer(t))
	deliveries(s, func(m pulsar.Message, before int) {
		equal(m.RedeliveryCount(), uint32(before), "redelivery count")
		s.Nack(m)
	})
	until("the dead letter topic is there", 15, func() bool {
		return slices.Contains(c.topics(), any(dlq))
	})
	c.deadLetters(dlq)
	nothing(s)
	c.noBacklog(t, "sub")
}
