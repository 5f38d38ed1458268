// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

const sec = time.Second

func connect(c *ctx) {
	t := c.topic("t")
	r := c.send(msg(t, "", "makes its topic"))
	equal(r.QueueOffset, 0, "first offset")
	equal(len(c.queues(t)), 4, "queues")
	_, err := c.producer().SendSync(bg, msg("a b", "", "x"))
	check(err != nil, "a name with a blank was taken")
	c.take(c.group("g"), t, tag("*")).exactly([]string{"makes its topic"}, 25*sec)
}

func send(c *ctx) {
	t := c.topic("t")
	c.create(t, 3)
	sent := map[string]*primitive.SendResult{}
	for i := range 30 {
		m := msg(t, fmt.Sprint("tag", i%2), fmt.Sprint("m", i)).WithKeys([]string{fmt.Sprint("key", i), "all"})
		m.Flag = int32(i)
		m.WithProperty("a", fmt.Sprint("ä ", i))
		sent[string(m.Body)] = c.send(m)
	}
	big := strings.Repeat("x", 1<<20)
	c.send(msg(t, "", big))
	got := c.take(c.group("g"), t, tag("*"))
	await("all messages", 25*sec, func() bool { return got.size() >= 31 })
	for _, m := range got.list() {
		equal(m.Topic, t, "topic")
		if len(m.Body) == len(big) {
			equal(string(m.Body), big, "the big body")
			continue
		}
		i, _ := strconv.Atoi(string(m.Body[1:]))
		r := sent[string(m.Body)]
		equal(m.Queue.QueueId, r.MessageQueue.QueueId, "queue")
		equal(m.QueueOffset, r.QueueOffset, "offset")
		equal(m.GetTags(), fmt.Sprint("tag", i%2), "tags")
		equal(strings.TrimSpace(m.GetKeys()), fmt.Sprintf("key%d all", i), "keys")
		equal(m.Flag, int32(i), "flag")
		equal(m.GetProperty("a"), fmt.Sprint("ä ", i), "property")
		equal(m.MsgId, r.MsgID, "unique key")
	}
	_, err := c.newProducer(producer.WithRetry(0), producer.WithGroupName(c.group("big")),
		producer.WithCompressMsgBodyOverHowmuch(16<<20)).SendSync(bg, msg(t, "", strings.Repeat("x", 4<<20+1)))
	check(err != nil, "more than 4 MiB was taken")
}

func async(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range 100 {
		wg.Add(1)
		ok(c.producer().SendAsync(bg, func(_ context.Context, r *primitive.SendResult, err error) {
			mu.Lock()
			if err == nil {
				ids[r.OffsetMsgID] = true
			}
			mu.Unlock()
			wg.Done()
		}, msg(t, "", fmt.Sprint("m", i))), "send")
	}
	wg.Wait()
	equal(len(ids), 100, "answers")
	got := c.take(c.group("g"), t, tag("*"))
	await("all messages", 25*sec, func() bool { return got.size() >= 100 })
}

func oneway(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	for _, n := range names("m", 50) {
		ok(c.producer().SendOneWay(bg, msg(t, "", n)), "send")
	}
	c.take(c.group("g"), t, tag("*")).exactly(names("m", 50), 25*sec)
}

func batch(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	var want []string
	for b := range 10 {
		var ms []*primitive.Message
		for _, n := range names(fmt.Sprint("b", b), 16) {
			m := msg(t, "x", n)
			m.WithProperty("in", n)
			ms = append(ms, m)
			want = append(want, n)
		}
		r, err := c.producer().SendSync(bg, ms...)
		ok(err, "batch")
		equal(len(strings.Split(r.OffsetMsgID, ",")), 16, "ids of a batch")
	}
	got := c.take(c.group("g"), t, tag("*"))
	got.exactly(want, 25*sec)
	for _, m := range got.list() {
		equal(m.GetProperty("in"), string(m.Body), "property")
	}
}

func push(c *ctx) {
	t := c.topic("t")
	c.create(t, 8)
	a, b, d := names("a", 200), names("b", 200), names("d", 20)
	c.sendAll(t, a)
	got := c.take(c.group("g"), t, tag("*"))
	got.exactly(a, 30*sec)
	c.sendAll(t, b)
	got.exactly(concat(a, b), 30*sec)
	ok(got.pc.Shutdown(), "shutdown") // stores its offsets
	c.sendAll(t, d)
	c.take(c.group("g"), t, tag("*")).exactly(d, 30*sec)
}

func broadcast(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	one := c.take(c.group("g"), t, tag("*"), consumer.WithConsumerModel(consumer.BroadCasting))
	two := c.take(c.group("g"), t, tag("*"), consumer.WithConsumerModel(consumer.BroadCasting))
	c.sendAll(t, names("m", 100))
	one.exactly(names("m", 100), 30*sec)
	two.exactly(names("m", 100), 30*sec)
}

func rebalance(c *ctx) {
	t := c.topic("t")
	c.create(t, 8)
	one, two := c.take(c.group("g"), t, tag("*")), c.take(c.group("g"), t, tag("*"))
	n := 0
	await("half of the messages at each", 60*sec, func() bool {
		was1, was2 := one.size(), two.size()
		c.sendAll(t, names(fmt.Sprint("m", n), 80))
		n++
		await("all messages", 20*sec, func() bool { return one.size()+two.size() >= 80*n })
		return one.size()-was1 == 40 && two.size()-was2 == 40
	})
	ok(one.pc.Shutdown(), "shutdown")
	was := two.size()
	c.sendAll(t, names("last", 80))
	await("all messages at the one that is left", 30*sec, func() bool { return two.size() >= was+80 })
}

// One consumer: a second gets its queues a minute later only, for the library leaves the locks of those that it gives
// up to expire.
func orderly(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	var mu sync.Mutex
	seen := map[int][]string{}
	n, again := 0, 0
	c.consume(c.group("g"), t, tag("*"), func(_ context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range ms {
			if strings.HasSuffix(string(m.Body), "-0003") && m.ReconsumeTimes == 0 {
				again++
				return consumer.SuspendCurrentQueueAMoment, nil
			}
			seen[m.Queue.QueueId] = append(seen[m.Queue.QueueId], string(m.Body))
			n++
		}
		return consumer.ConsumeSuccess, nil
	}, consumer.WithConsumerOrder(true), consumer.WithRebalanceLockInterval(sec))
	p := c.newProducer(producer.WithQueueSelector(producer.NewManualQueueSelector()), producer.WithGroupName(c.group("q")))
	queues := c.queues(t)
	for i := range 50 {
		for q := range 4 {
			m := msg(t, "", fmt.Sprintf("q%d-%04d", q, i))
			m.Queue = queues[slices.IndexFunc(queues, func(x *primitive.MessageQueue) bool { return x.QueueId == q })]
			_, err := p.SendSync(bg, m)
			ok(err, "send")
		}
	}
	await("all messages", 60*sec, func() bool { mu.Lock(); defer mu.Unlock(); return n >= 200 })
	time.Sleep(quiet)
	mu.Lock()
	defer mu.Unlock()
	for q := range 4 {
		same(seen[q], names(fmt.Sprint("q", q), 50), fmt.Sprint("queue ", q))
	}
	equal(again, 4, "suspended")
}

func pull(c *ctx) {
	t := c.topic("t")
	c.create(t, 1)
	c.sendAll(t, names("m", 50))
	p, err := rocketmq.NewPullConsumer(consumer.WithNsResolver(c.resolver()), consumer.WithGroupName(c.group("pull")),
		consumer.WithInstance(c.instance()))
	ok(err, "a new pull consumer")
	ok(p.Subscribe(t, tag("*")), "subscribe")
	ok(p.Start(), "start")
	c.ends = append(c.ends, func() { _ = p.Shutdown() })
	q := c.queues(t)[0]
	r, err := p.PullFrom(bg, q, 10, 20)
	ok(err, "pull")
	equal(r.Status, primitive.PullFound, "status")
	var got []string
	for _, m := range r.GetMessageExts() {
		got = append(got, string(m.Body))
	}
	same(got, names("m", 50)[10:30], "bodies")
	equal(r.NextBeginOffset, 30, "next")
	equal(r.MaxOffset, 50, "max")
	r, err = p.PullFrom(bg, q, 99, 20)
	ok(err, "pull behind the end")
	equal(r.Status, primitive.PullOffsetIllegal, "behind the end")
	equal(r.NextBeginOffset, 50, "next of it")
}

func tags(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	for i := range 90 {
		x := string("abc"[i%3])
		c.send(msg(t, x, fmt.Sprintf("%s-%04d", x, i/3)))
	}
	c.send(msg(t, "Aa", "Aa")) // same hash as BB
	c.take(c.group("a"), t, tag("a")).exactly(names("a", 30), 30*sec)
	c.take(c.group("ac"), t, tag("a || c")).exactly(concat(names("a", 30), names("c", 30)), 30*sec)
	none := c.take(c.group("none"), t, tag("BB"))
	c.send(msg(t, "BB", "BB"))
	none.exactly([]string{"BB"}, 30*sec)
}

func sql92(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	for i, n := range names("m", 60) {
		m := msg(t, []string{"even", "odd"}[i%2], n)
		m.WithProperty("n", fmt.Sprint(i))
		m.WithProperty("color", []string{"red", "blue", "blue"}[i%3])
		c.send(m)
	}
	for i, x := range []struct {
		expr string
		want []string
	}{
		{"n BETWEEN 10 AND 19", names("m", 60)[10:20]},
		{"color = 'red' AND n < 10 AND TAGS = 'odd'", []string{"m-0003", "m-0009"}},
		{"color IN ('red') AND NOT (n > 5)", []string{"m-0000", "m-0003"}},
	} {
		c.take(c.group(fmt.Sprint("g", i)), t, consumer.MessageSelector{Type: consumer.SQL92, Expression: x.expr}).
			exactly(x.want, 30*sec)
	}
}

func from(c *ctx, where consumer.ConsumeFromWhere) {
	t := c.topic("t")
	c.create(t, 4)
	c.sendAll(t, names("m", 40))
	c.take(c.group("g"), t, tag("*"), consumer.WithConsumeFromWhere(where)).exactly(names("m", 40), 30*sec)
}

func fromFirst(c *ctx) { from(c, consumer.ConsumeFromFirstOffset) }
func fromLast(c *ctx)  { from(c, consumer.ConsumeFromLastOffset) }

// The client's clock has seconds; a group that is new to a young topic may start at 0, whatever it asks for.
func fromTime(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	c.sendAll(t, names("old", 20))
	time.Sleep(2100 * time.Millisecond)
	at := time.Now()
	c.sendAll(t, names("new", 20))
	got := c.take(c.group("g"), t, tag("*"), consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp),
		consumer.WithConsumeTimestamp(at.Format("20060102150405")))
	await("the new ones", 30*sec, func() bool {
		s := got.sorted()
		return !slices.ContainsFunc(names("new", 20), func(n string) bool { return !slices.Contains(s, n) })
	})
}

func retry(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	var mu sync.Mutex
	var counts, done []string
	c.consume(c.group("g"), t, tag("*"), func(x context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		mu.Lock()
		defer mu.Unlock()
		m := ms[0]
		if string(m.Body) == "bad" {
			counts = append(counts, fmt.Sprint(m.Topic, " ", m.ReconsumeTimes, " ", m.GetTags()))
			if m.ReconsumeTimes < 2 {
				cc, _ := primitive.GetConcurrentlyCtx(x)
				cc.DelayLevelWhenNextConsume = 1
				return consumer.ConsumeRetryLater, nil
			}
		}
		done = append(done, string(m.Body))
		return consumer.ConsumeSuccess, nil
	})
	c.send(msg(t, "tag", "bad"))
	c.sendAll(t, names("good", 10))
	await("all of them", 60*sec, func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == 11 })
	same(counts, []string{t + " 0 tag", t + " 1 tag", t + " 2 tag"}, "attempts")
}

func deadLetter(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	var mu sync.Mutex
	n := 0
	c.consume(c.group("g"), t, tag("*"), func(x context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		cc, _ := primitive.GetConcurrentlyCtx(x)
		cc.DelayLevelWhenNextConsume = 1
		return consumer.ConsumeRetryLater, nil
	}, consumer.WithMaxReconsumeTimes(1))
	c.send(msg(t, "tag", "dead"))
	await("both attempts", 60*sec, func() bool { mu.Lock(); defer mu.Unlock(); return n == 2 })
	await("the dead letter topic", 10*sec, func() bool { return len(c.queues("%DLQ%"+c.group("g"))) == 1 })
	dead := c.take(c.group("dead"), "%DLQ%"+c.group("g"), tag("*"))
	await("the dead letter", 30*sec, func() bool { return dead.size() == 1 })
	equal(string(dead.list()[0].Body), "dead", "its body")
}

func delay(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	got := c.take(c.group("g"), t, tag("*"))
	for level := 2; level >= 0; level-- {
		c.send(msg(t, "", fmt.Sprint(level)).WithDelayTimeLevel(level))
	}
	got.exactly([]string{"0", "1", "2"}, 50*sec)
	for _, m := range got.list() {
		ms := map[string]int64{"0": 0, "1": 1000, "2": 5000}[string(m.Body)]
		late := m.StoreTimestamp - m.BornTimestamp - ms
		check(late > -50 && late < 3000, "level %s was late by %d ms", m.Body, late)
	}
}

type listener struct {
	sync.Mutex
	asked map[string]int
}

func (l *listener) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	switch s := string(m.Body); {
	case strings.HasPrefix(s, "committed"):
		return primitive.CommitMessageState
	case s == "rolled back":
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (l *listener) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	l.Lock()
	defer l.Unlock()
	l.asked[string(m.Body)]++
	// the reference may ask for what it was told, while its note of that isn't written yet
	if strings.HasSuffix(string(m.Body), "rolled back") {
		return primitive.RollbackMessageState
	}
	return primitive.CommitMessageState
}

func transactions(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	l := &listener{asked: map[string]int{}}
	p, err := rocketmq.NewTransactionProducer(l, producer.WithNsResolver(c.resolver()),
		producer.WithGroupName(c.group("tx")), producer.WithInstanceName(c.instance()))
	ok(err, "a new producer")
	ok(p.Start(), "start")
	c.ends = append(c.ends, func() { _ = p.Shutdown() })
	got := c.take(c.group("g"), t, tag("*"))
	want := names("committed", 5)
	for _, n := range append(slices.Clone(want), "rolled back", "asked", "asked, rolled back") {
		_, err := p.SendMessageInTransaction(bg, msg(t, "tag", n))
		ok(err, "send %s", n)
	}
	await("the committed ones", 30*sec, func() bool { return got.size() >= 5 })
	await("the questions", 100*sec, func() bool {
		l.Lock()
		defer l.Unlock()
		return l.asked["asked"] > 0 && l.asked["asked, rolled back"] > 0
	})
	got.exactly(append(want, "asked"), 30*sec)
}

func requestReply(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	replier := c.newProducer(producer.WithGroupName(c.group("replier")))
	c.consume(c.group("g"), t, tag("*"), func(x context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, m := range ms {
			r, err := consumer.CreateReplyMessage(m, nil)
			if err == nil {
				r.Body = []byte("re: " + string(m.Body)) // the library takes what it is given for properties
				_, err = replier.SendSync(x, r)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "reply:", err)
			}
		}
		return consumer.ConsumeSuccess, nil
	})
	for i := range 10 {
		q := fmt.Sprint("question ", i)
		// a producer can't be answered before its first heartbeat, which comes after a second
		await("answer to "+q, 20*sec, func() bool {
			r, err := c.producer().Request(bg, 3*sec, msg(t, "", q))
			if err != nil {
				fmt.Fprintln(os.Stderr, q+":", err)
				return false
			}
			equal(string(r.Body), "re: "+q, "answer")
			return true
		})
	}
}

func namespace(c *ctx) {
	t, ns := c.topic("t"), "ns-"+c.unique[len(c.unique)-12:]
	c.create(ns+"%"+t, 4)
	c.create(t, 4)
	p := c.newProducer(producer.WithNamespace(ns), producer.WithGroupName(c.group("in")))
	in := c.take(c.group("g"), t, tag("*"), consumer.WithNamespace(ns))
	out := c.take(c.group("g"), t, tag("*"))
	_, err := p.SendSync(bg, msg(t, "", "inside"))
	ok(err, "send inside")
	c.send(msg(t, "", "outside"))
	in.exactly([]string{"inside"}, 30*sec)
	out.exactly([]string{"outside"}, 30*sec)
}

func traced(c *ctx) {
	t := c.topic("t")
	c.create(t, 4)
	conf := &primitive.TraceConfig{Access: primitive.Local, Resolver: c.resolver(), GroupName: c.group("trace")}
	p := c.newProducer(producer.WithTrace(conf), producer.WithGroupName(c.group("traced")))
	traces := c.take(c.group("reader"), "RMQ_SYS_TRACE_TOPIC", tag("*"))
	r, err := p.SendSync(bg, msg(t, "", "traced").WithKeys([]string{c.unique}))
	ok(err, "send")
	await("its trace", 40*sec, func() bool {
		return slices.ContainsFunc(traces.list(), func(m *primitive.MessageExt) bool {
			return strings.Contains(string(m.Body), r.MsgID) && strings.Contains(m.GetKeys(), r.MsgID)
		})
	})
}

func compressed(c *ctx) {
	t := c.topic("t")
	c.create(t, 1)
	big := strings.Repeat("compress me ", 3000)
	c.send(msg(t, "", big))
	got := c.take(c.group("g"), t, tag("*"))
	got.exactly([]string{big}, 30*sec)
	check(int(got.list()[0].StoreSize) < len(big)/2, "not compressed")
}

func restart(c *ctx, sig string) {
	t := c.topic("t")
	c.create(t, 4)
	got := c.take(c.group("g"), t, tag("*"))
	var mu sync.Mutex
	var sent []string
	stop, done := make(chan bool), make(chan bool)
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(sent) }
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			n := fmt.Sprintf("m-%06d", i)
			if r, err := c.p.SendSync(bg, msg(t, "", n)); err == nil && r.Status == primitive.SendOK {
				mu.Lock()
				sent = append(sent, n)
				mu.Unlock()
			} // else: not acknowledged, it may be there or not
			time.Sleep(2 * time.Millisecond)
		}
	}()
	await("a start", 40*sec, func() bool { return count() >= 300 && got.size() >= 300 })
	ok(c.ask("@restart "+sig), "restart")
	was := count()
	await("sends after the restart", 60*sec, func() bool { return count() >= was+300 })
	close(stop)
	<-done
	await("all that was acknowledged", 60*sec, func() bool {
		there := map[string]bool{}
		for _, n := range got.sorted() {
			there[n] = true
		}
		for _, n := range sent {
			if !there[n] {
				return false
			}
		}
		return true
	})
}
