// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// Partitions, patterns, several topics, schemas, names, closing, ending, counting.
func init() {
	scenarios["partitioned"] = partitioned
	scenarios["pattern"] = pattern
	scenarios["multi-topic"] = multiTopic
	scenarios["schema-string"] = schemaString
	scenarios["schema-json"] = schemaJSON
	scenarios["producer-busy"] = producerBusy
	scenarios["subscribe-rate"] = subscribeRate
	scenarios["close"] = closing
	scenarios["terminate"] = terminate
	scenarios["stats"] = stats
}

func (c *ctx) topics() []any {
	l, _ := c.admin("GET", "persistent/public/default", "").([]any)
	return l
}

func partitioned(c *ctx) {
	t := c.topic()
	c.partitions(t, 4)
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprintf("%s-partition-%d", t, i))
	}
	parts, err := c.client().TopicPartitions(t)
	ok(err, "partitions")
	equal(parts, want, "names of the partitions")
	s, p := c.subscribe(t), c.producer(t)
	// (this client's own router stays at a partition for a while)
	robin := c.producer(t, func(o *pulsar.ProducerOptions) {
		next := 0
		o.MessageRouter = func(_ *pulsar.ProducerMessage, m pulsar.TopicMetadata) int {
			next++
			return next % int(m.NumPartitions())
		}
	})
	sendN(robin, 0, 100)
	got := receiveN(s, 100)
	equal(sorted(texts(got)), sorted(bodies(0, 100)), "all messages")
	last := map[string]int{}
	for _, m := range got {
		before, there := last[m.Topic()]
		check(!there || before < number(m), "order in a partition")
		last[m.Topic()] = number(m)
		equal(m.ID().PartitionIdx(), int32(slices.Index(parts, m.Topic())), "partition in the id")
	}
	equal(len(last), 4, "partitions used")
	sendKeyed(p, 0, 100, func(i int) string { return fmt.Sprintf("key-%d", i%10) })
	got = receiveN(s, 100)
	for k := range 10 {
		var mine []int
		used := map[string]bool{}
		for _, m := range got {
			if m.Key() == fmt.Sprintf("key-%d", k) {
				mine = append(mine, number(m))
				used[m.Topic()] = true
			}
		}
		equal(len(used), 1, "partitions of one key")
		equal(mine, ints(0, 100, func(i int) bool { return i%10 == k }), "order of one key")
	}
	s.Close()
	nothing(c.subscribe(t))
	receiveN(c.subscribe(parts[2], named("direct")), 1)
	r := c.reader(t, pulsar.EarliestMessageID(), false)
	equal(sorted(readN(r, 200)), sorted(append(bodies(0, 100), bodies(0, 100)...)), "a reader gets all of it")
	check(!r.HasNext(), "and then nothing")
}

func pattern(c *ctx) {
	match := "persistent://public/default/" + c.unique + "-match-"
	early := []string{match + "a", match + "b"}
	for _, t := range append(early, c.topic("other")) {
		sendText(c.producer(t), t)
	}
	s := c.subscribe("", func(o *pulsar.ConsumerOptions) {
		o.TopicsPattern = match + ".*"
		o.AutoDiscoveryPeriod = time.Second
	})
	equal(sorted(texts(receiveN(s, 2))), early, "topics that were there")
	sendText(c.producer(match+"late"), "late")
	equal(text(receiveN(s, 1)[0]), "late", "a topic made after subscribing")
	c.partitions(match+"parted", 2)
	sendN(c.producer(match+"parted"), 0, 10)
	equal(sorted(texts(receiveN(s, 10))), bodies(0, 10), "a partitioned topic made after subscribing")
	nothing(s)
	s.Close()
	nothing(c.subscribe(match + "late"))
}

func multiTopic(c *ctx) {
	three := []string{c.topic("t0"), c.topic("t1"), c.topic("t2")}
	c.partitions(three[2], 2)
	sub := func() pulsar.Consumer {
		return c.subscribe("", func(o *pulsar.ConsumerOptions) { o.Topics = slices.Clone(three) })
	}
	s := sub()
	var want []string
	for i, t := range three {
		sendN(c.producer(t), 100*i, 50)
		want = append(want, bodies(100*i, 50)...)
	}
	got := receiveN(s, 150)
	equal(sorted(texts(got)), sorted(want), "all messages")
	for i, t := range three[:2] {
		mine := slices.DeleteFunc(slices.Clone(got), func(m pulsar.Message) bool { return m.Topic() != t })
		equal(texts(mine), bodies(100*i, 50), "order in a topic")
	}
	s.Close()
	nothing(sub())
}

func schemaString(c *ctx) {
	t := c.topic()
	s := c.subscribe(t, func(o *pulsar.ConsumerOptions) { o.Schema = pulsar.NewStringSchema(nil) })
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.Schema = pulsar.NewStringSchema(nil) })
	for _, v := range []string{"grüße", "x"} {
		send(p, &pulsar.ProducerMessage{Value: v})
		var got *string
		ok(receiveN(s, 1)[0].GetSchemaValue(&got), "value")
		equal(*got, v, "value")
	}
	equal(text(receiveN(c.subscribe(t, named("raw")), 1)[0]), "grüße", "without a schema")
}

type point struct {
	X    int     `json:"x"`
	Y    float64 `json:"y"`
	Name string  `json:"name"`
}

func schemaJSON(c *ctx) {
	t := c.topic()
	def := func() pulsar.Schema {
		return pulsar.NewJSONSchema(`{"type":"record","name":"Point","fields":[{"name":"x","type":"int"},`+
			`{"name":"y","type":"double"},{"name":"name","type":"string"}]}`, nil)
	}
	s := c.subscribe(t, func(o *pulsar.ConsumerOptions) { o.Schema = def() })
	for range 2 {
		p := c.producer(t, func(o *pulsar.ProducerOptions) { o.Schema = def() })
		for i := range 10 {
			want := point{i, float64(i) / 2, fmt.Sprintf("p%d", i)}
			send(p, &pulsar.ProducerMessage{Value: &want})
			var got point
			ok(receiveN(s, 1)[0].GetSchemaValue(&got), "value")
			equal(got, want, "value")
		}
	}
}

func producerBusy(c *ctx) {
	t := c.topic()
	taken := pulsar.ProducerOptions{Topic: t, Name: "taken", DisableBatching: true}
	use := func(client pulsar.Client) pulsar.Producer {
		p, err := client.CreateProducer(taken)
		ok(err, "a free name")
		return p
	}
	p := use(c.client())
	equal(p.Name(), "taken", "name")
	other := c.newClient(5 * time.Second)
	for _, client := range []pulsar.Client{other, c.client()} {
		_, err := client.CreateProducer(taken)
		check(err != nil && strings.Contains(err.Error(), "ProducerBusy"), "a taken name: %v", err)
	}
	sendText(p, "still works")
	p.Close()
	sendText(use(other), "now free")
	other.Close()
	until("the broker forgets the producer", 15, func() bool { return length(at(c.stats(t), "publishers")) == 0 })
	sendText(use(c.client()), "free again")
}

func subscribeRate(c *ctx) {
	t := c.topic()
	sendN(c.producer(t), 0, 5)
	c.admin("POST", path(t)+"/subscribeRate", `{"subscribeThrottlingRatePerConsumer":2,"ratePeriodInSecond":2}`)
	// with the same id each time; nil: it is limited
	comes := func(name string) pulsar.Consumer {
		s, err := c.newClient().Subscribe(options(t, func(o *pulsar.ConsumerOptions) { o.Name = name }))
		check(err == nil || strings.Contains(err.Error(), "NotAllowedError"), "not because of the rate: %v", err)
		if err != nil {
			return nil
		}
		return s
	}
	until("it comes too often", 15, func() bool {
		s := comes("the-consumer")
		if s != nil {
			s.Close()
		}
		return s == nil
	})
	another := comes("another")
	check(another != nil, "another one is limited, too")
	another.Close()
	var s pulsar.Consumer
	until("it gets through later", 10, func() bool {
		s = comes("the-consumer")
		return s != nil
	})
	equal(texts(receiveN(s, 5)), bodies(0, 5), "bodies")
}

func closing(c *ctx) {
	t := c.topic()
	s, p := c.subscribe(t, typed(pulsar.Shared)), c.producer(t)
	sendN(p, 0, 5)
	receiveN(s, 5)
	// the broker closes both ends: clients come back by themselves
	for i := 1; i < 4; i++ {
		c.noBacklog(t, "sub")
		c.admin("PUT", path(t)+"/unload", "")
		sendN(p, 10*i, 5)
		equal(texts(receiveN(s, 5)), bodies(10*i, 5), "after the broker closed both ends")
	}
	// the client closes
	p.Close()
	p.Close()
	_, err := p.Send(context.Background(), &pulsar.ProducerMessage{Payload: []byte("late")})
	fails(err, pulsar.ProducerClosed, "send")
	d := c.subscribe(t, typed(pulsar.Shared))
	fails(s.Unsubscribe(), 0, "unsubscribe with another consumer there")
	d.Close()
	_, err = d.Receive(context.Background())
	fails(err, pulsar.ConsumerClosed, "receive")
	until("no producer left", 15, func() bool { return length(at(c.stats(t), "publishers")) == 0 })
	sub := func(name string) any { return at(c.stats(t), "subscriptions", name) }
	until("one consumer left", 15, func() bool { return length(at(sub("sub"), "consumers")) == 1 })
	ok(s.Unsubscribe(), "unsubscribe")
	until("the subscription is gone", 15, func() bool { return sub("sub") == nil })
	s.Close()
	s = c.subscribe(t, func(o *pulsar.ConsumerOptions) {
		o.SubscriptionInitialPosition = pulsar.SubscriptionPositionLatest
	})
	nothing(s)
	// a whole client goes
	other := c.newClient()
	subscribeWith(other, options(t, named("other")))
	_, err = other.CreateProducer(pulsar.ProducerOptions{Topic: t})
	ok(err, "producer")
	other.Close()
	until("its consumer is gone", 15, func() bool { return length(at(sub("other"), "consumers")) == 0 })
	// the topic goes: refused while it is in use, unless forced
	c.admin("DELETE", path(t), "", 412)
	s.Close()
	c.admin("DELETE", path(t)+"?force=true", "")
	c.admin("GET", path(t)+"/stats", "", 404)
}

func terminate(c *ctx) {
	t := c.topic()
	s, p := c.subscribe(t), c.producer(t)
	ids := sendN(p, 0, 10)
	got := receiveN(s, 5)
	last := c.admin("POST", path(t)+"/terminate", "")
	equal(fmt.Sprintf("%d:%d", integer(at(last, "ledgerId")), integer(at(last, "entryId"))), where(ids[9]),
		"id of the last message")
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := p.Send(deadline, &pulsar.ProducerMessage{Payload: []byte("late")})
	fails(err, 0, "send")
	_, err = c.newClient(5 * time.Second).CreateProducer(pulsar.ProducerOptions{Topic: t})
	fails(err, 0, "a new producer")
	got = append(got, receiveN(s, 5)...)
	equal(texts(got), bodies(0, 10), "everything before the end")
	nothing(s)
	s.Close()
	equal(texts(receiveN(c.subscribe(t, named("afterwards")), 10)), bodies(0, 10), "a new subscription")
	r := c.reader(t, pulsar.EarliestMessageID(), false)
	equal(readN(r, 10), bodies(0, 10), "a reader afterwards")
	check(!r.HasNext(), "and then the end")
}

func stats(c *ctx) {
	t := c.topic()
	s := c.subscribe(t, typed(pulsar.Shared), func(o *pulsar.ConsumerOptions) {
		o.Name = "the-consumer"
		o.ReceiverQueueSize = 100
	})
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.Name = "the-producer" })
	sendN(p, 0, 20)
	got := takeN(s, 20)
	counts := func(want ...int) {
		until(fmt.Sprintf("in, out, backlog, unacked are %v", want), 15, func() bool {
			v := c.stats(t)
			sub := at(v, "subscriptions", "sub")
			return slices.Equal(want, []int{integer(at(v, "msgInCounter")), integer(at(sub, "msgOutCounter")),
				integer(at(sub, "msgBacklog")), integer(at(sub, "unackedMessages"))})
		})
	}
	counts(20, 20, 20, 20)
	v := c.stats(t)
	equal(length(at(v, "publishers")), 1, "producers")
	equal(at(v, "publishers", 0, "producerName"), any("the-producer"), "its name")
	sub := at(v, "subscriptions", "sub")
	equal(at(sub, "type"), any("Shared"), "type")
	equal(length(at(sub, "consumers")), 1, "consumers")
	one := at(sub, "consumers", 0)
	equal(at(one, "consumerName"), any("the-consumer"), "its name")
	equal(integer(at(one, "unackedMessages")), 20, "its unacked messages")
	permits := integer(at(one, "availablePermits"))
	check(permits > 0 && permits <= 100, "its permits: %d", permits)
	check(integer(at(v, "storageSize")) > 0, "stored bytes")
	for _, m := range got[:15] {
		ok(s.Ack(m), "ack")
	}
	counts(20, 20, 5, 5)
	for _, m := range got[15:] {
		ok(s.Ack(m), "ack")
	}
	counts(20, 20, 0, 0)
}
