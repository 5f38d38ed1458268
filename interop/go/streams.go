// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// The broker or the topic goes away in mid-stream; a thousand topics at once; non-persistent topics.
func init() {
	scenarios["restart-term"] = func(c *ctx) { restart(c, "TERM") }
	scenarios["restart-kill"] = func(c *ctx) { restart(c, "KILL") }
	scenarios["unload"] = unload
	scenarios["topics-1000"] = thousand
	scenarios["non-persistent"] = nonPersistent
}

func restart(c *ctx, signal string) {
	for _, batching := range []bool{false, true} {
		inMidStream(c, func(string) { c.ask("@restart " + signal) }, 1, batching)
	}
}

func unload(c *ctx) {
	for _, batching := range []bool{false, true} {
		inMidStream(c, func(t string) { c.admin("PUT", path(t)+"/unload", "") }, 2, batching)
	}
}

// inMidStream: messages flow while the disturbance happens; then nothing is lost, first arrivals are in order.
func inMidStream(c *ctx, disturb func(topic string), times int, batching bool) {
	t := c.topic(fmt.Sprintf("batching-%v", batching))
	a := newArrivals()
	c.subscribe(t, named("later")).Close()
	k := newTaker(c.subscribe(t), a, "c")
	f := newFlow(c.producer(t, func(o *pulsar.ProducerOptions) {
		o.DisableBatching = !batching
		o.BatchingMaxPublishDelay = 5 * time.Millisecond
		o.SendTimeout = 90 * time.Second
	}), 300, 0)
	a.more(200)
	for range times {
		disturb(t)
		a.more(200)
	}
	sent := f.finish()
	a.inOrder(sent)
	k.leave()
	later := newArrivals()
	k = newTaker(c.subscribe(t, named("later")), later, "later")
	later.inOrder(sent)
	k.leave()
}

// connections is how many TCP connections this process has to that port.
func connections(port string) (n int) {
	mine := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	ok(err, "descriptors")
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			mine[to] = true
		}
	}
	var hex int
	_, err = fmt.Sscan(port, &hex)
	ok(err, "port")
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.ReadFile(name)
		if err != nil {
			continue // no IPv6 here
		}
		for _, line := range strings.Split(string(table), "\n") {
			w := strings.Fields(line)
			if len(w) > 9 && w[3] == "01" && strings.HasSuffix(w[2], fmt.Sprintf(":%04X", hex)) &&
				mine["socket:["+w[9]+"]"] {
				n++
			}
		}
	}
	return n
}

func thousand(c *ctx) {
	const n, inFlight = 1000, 32
	port := c.url[strings.LastIndex(c.url, ":")+1:]
	before := connections(port)
	client := c.client()
	subs, producers := make([]pulsar.Consumer, n), make([]pulsar.Producer, n)
	errs := make([]error, 2*n)
	slots := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	work := func(f func()) {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			f()
			<-slots
			wg.Done()
		}()
	}
	for i := range n {
		t := c.topic(fmt.Sprintf("t%d", i))
		work(func() {
			subs[i], errs[i] = client.Subscribe(options(t, func(o *pulsar.ConsumerOptions) { o.ReceiverQueueSize = 10 }))
		})
		work(func() {
			producers[i], errs[n+i] = client.CreateProducer(pulsar.ProducerOptions{Topic: t, DisableBatching: true})
		})
	}
	wg.Wait()
	for _, err := range errs {
		ok(err, "a thousand producers and consumers")
	}
	receipts := make(chan error, 3*n)
	for i := range 3 * n {
		producers[i/3].SendAsync(context.Background(), &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i)},
			func(_ pulsar.MessageID, _ *pulsar.ProducerMessage, err error) { receipts <- err })
	}
	for range 3 * n {
		ok(<-receipts, "send")
	}
	for i := range n {
		equal(texts(receiveN(subs[i], 3)), bodies(3*i, 3), fmt.Sprintf("topic %d", i))
	}
	// one for the lookups by the service URL's name, one by the name that the broker gave, if these differ
	now := connections(port) - before
	check(now >= 1 && now <= 2, "%d connections", now)
}

func nonPersistent(c *ctx) {
	t := "non-" + c.topic()
	a := c.subscribe(t, named("a"))
	b := c.subscribe(t, named("b"), typed(pulsar.Shared))
	p := c.producer(t)
	// nothing is acked: all ids are the same here, and what comes while an ack of that id
	// waits to be sent, this client takes for a duplicate
	sendN(p, 0, 200)
	for _, s := range []pulsar.Consumer{a, b} {
		equal(texts(takeN(s, 200)), bodies(0, 200), "in order")
	}
	b.Close()
	sendN(p, 200, 10)
	b = c.subscribe(t, named("b"), typed(pulsar.Shared))
	nothing(b)
	equal(texts(takeN(a, 10)), bodies(200, 10), "the other one goes on")
	sendN(p, 210, 10)
	equal(texts(takeN(b, 10)), bodies(210, 10), "from now on")
}
