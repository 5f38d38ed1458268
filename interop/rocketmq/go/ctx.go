// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

const quiet = 700 * time.Millisecond // "nothing more comes" is believed after this

var bg = context.Background()

// ctx is what every scenario uses: names of its own, clients, waiting, checking.
type ctx struct {
	addr, unique string
	ask          func(string) error
	n            int
	p            rocketmq.Producer
	adm          admin.Admin
	ends         []func()
}

func (c *ctx) topic(s string) string { return c.unique + "_" + s }
func (c *ctx) group(s string) string { return "g_" + c.unique + "_" + s }

// instance is a name of its own for each client: the library makes one of those with the same.
func (c *ctx) instance() string {
	c.n++
	return fmt.Sprintf("%s-%d", c.unique, c.n)
}

func (c *ctx) close() {
	slices.Reverse(c.ends)
	for _, f := range c.ends {
		f()
	}
	c.ends = nil
}

func ok(err error, format string, args ...any) {
	if err != nil {
		fail(format+": %v", append(args, err)...)
	}
}

func check(cond bool, format string, args ...any) {
	if !cond {
		fail(format, args...)
	}
}

func equal[T comparable](got, want T, what string) {
	if got != want {
		fail("%s: got %v, not %v", what, got, want)
	}
}

func same(got, want []string, what string) {
	if !slices.Equal(got, want) {
		g, w := fmt.Sprint(got), fmt.Sprint(want)
		fail("%s: got %.150s, not %.150s", what, g, w)
	}
}

func await(what string, limit time.Duration, test func() bool) {
	for end := time.Now().Add(limit); !test(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			fail("not within %v: %s", limit, what)
		}
	}
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%04d", prefix, i)
	}
	return out
}

func concat(lists ...[]string) []string {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return out
}

// --- clients

func (c *ctx) resolver() primitive.NsResolver {
	return primitive.NewPassthroughResolver([]string{c.addr})
}

func (c *ctx) newProducer(opts ...producer.Option) rocketmq.Producer {
	p, err := rocketmq.NewProducer(append([]producer.Option{producer.WithNsResolver(c.resolver()),
		producer.WithGroupName(c.group("p")), producer.WithInstanceName(c.instance()), producer.WithRetry(2),
		producer.WithSendMsgTimeout(5 * time.Second)}, opts...)...)
	ok(err, "a new producer")
	ok(p.Start(), "start of a producer")
	c.ends = append(c.ends, func() { ok(p.Shutdown(), "end of a producer") })
	return p
}

func (c *ctx) producer() rocketmq.Producer {
	if c.p == nil {
		c.p = c.newProducer()
	}
	return c.p
}

func (c *ctx) admin() admin.Admin {
	if c.adm == nil {
		a, err := admin.NewAdmin(admin.WithResolver(c.resolver()))
		ok(err, "a new admin")
		c.adm = a
		c.ends = append(c.ends, func() { ok(a.Close(), "end of an admin") })
	}
	return c.adm
}

func (c *ctx) create(topic string, queues int) {
	ok(c.admin().CreateTopic(bg, admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(c.broker()),
		admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues)), "create %s", topic)
	await("queues of "+topic, 10*time.Second, func() bool { return len(c.queues(topic)) == queues })
}

func (c *ctx) queues(topic string) []*primitive.MessageQueue {
	q, err := c.admin().FetchPublishMessageQueues(bg, topic)
	if err != nil {
		return nil
	}
	return q
}

func (c *ctx) send(m *primitive.Message) *primitive.SendResult {
	r, err := c.producer().SendSync(bg, m)
	ok(err, "send %.40s", m.Body)
	equal(r.Status, primitive.SendOK, "status of a send")
	return r
}

func msg(topic, tags, body string) *primitive.Message {
	m := primitive.NewMessage(topic, []byte(body))
	if tags != "" {
		m.WithTag(tags)
	}
	return m
}

func (c *ctx) sendAll(topic string, bodies []string) {
	for _, b := range bodies {
		c.send(msg(topic, "", b))
	}
}

// taken is what a consumer got.
type taken struct {
	sync.Mutex
	all []*primitive.MessageExt
	pc  rocketmq.PushConsumer
}

func (t *taken) size() int {
	t.Lock()
	defer t.Unlock()
	return len(t.all)
}

func (t *taken) list() []*primitive.MessageExt {
	t.Lock()
	defer t.Unlock()
	return slices.Clone(t.all)
}

func (t *taken) sorted() []string {
	var out []string
	for _, m := range t.list() {
		out = append(out, string(m.Body))
	}
	slices.Sort(out)
	return out
}

type handler func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)

func (c *ctx) consume(group, topic string, sel consumer.MessageSelector, f handler, opts ...consumer.Option) rocketmq.PushConsumer {
	pc, err := rocketmq.NewPushConsumer(append([]consumer.Option{consumer.WithNsResolver(c.resolver()),
		consumer.WithGroupName(group), consumer.WithInstance(c.instance()),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset)}, opts...)...)
	ok(err, "a new consumer")
	ok(pc.Subscribe(topic, sel, f), "subscribe to %s", topic)
	ok(pc.Start(), "start of a consumer")
	c.ends = append(c.ends, func() { _ = pc.Shutdown() }) // some are closed before
	return pc
}

func tag(expr string) consumer.MessageSelector {
	return consumer.MessageSelector{Type: consumer.TAG, Expression: expr}
}

func (c *ctx) take(group, topic string, sel consumer.MessageSelector, opts ...consumer.Option) *taken {
	t := &taken{}
	t.pc = c.consume(group, topic, sel, func(_ context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		t.Lock()
		t.all = append(t.all, ms...)
		t.Unlock()
		return consumer.ConsumeSuccess, nil
	}, opts...)
	return t
}

// exactly these come: all of them, and nothing more for a while.
func (t *taken) exactly(want []string, limit time.Duration) {
	await("all messages", limit, func() bool { return t.size() >= len(want) })
	time.Sleep(quiet)
	same(t.sorted(), concat(want), "what came")
}

// broker is the broker's address. The client has no call that gives it; an offset id holds it.
func (c *ctx) broker() string {
	r := c.send(msg(c.topic("broker"), "", "x"))
	id, err := primitive.UnmarshalMsgID([]byte(r.OffsetMsgID))
	ok(err, "id %s", r.OffsetMsgID)
	return strings.TrimPrefix(fmt.Sprintf("%s:%d", id.Addr, id.Port), "/")
}
