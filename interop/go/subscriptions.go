// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// The subscription types, each with three consumers that join and leave while messages flow.
func init() {
	scenarios["exclusive"] = exclusive
	scenarios["failover"] = failover
	scenarios["shared"] = shared
	scenarios["key-shared"] = keyShared
}

func exclusive(c *ctx) {
	t := c.topic()
	a := newArrivals()
	s := c.subscribe(t)
	f := newFlow(c.producer(t), 500, 0)
	var k *taker
	for _, who := range []string{"one", "two", "three"} {
		k = newTaker(s, a, who)
		for _, kind := range []pulsar.SubscriptionType{pulsar.Exclusive, pulsar.Shared} {
			_, err := c.newClient().Subscribe(options(t, typed(kind)))
			fails(err, 0, "a second consumer")
		}
		a.awaitMore(who, 100)
		if who != "three" {
			k.leave()
			s = c.subscribe(t)
		}
	}
	a.inOrder(f.finish())
	k.leave()
	equal(a.doubles(), 0, "messages that came twice")
}

// told is which consumers know that they are active.
type told struct {
	sync.Mutex
	who map[string]bool
}

func (t *told) set(who string, is bool) {
	t.Lock()
	defer t.Unlock()
	if is {
		t.who[who] = true
	} else {
		delete(t.who, who)
	}
}

func (t *told) only(who string) bool {
	t.Lock()
	defer t.Unlock()
	return len(t.who) == 1 && t.who[who]
}

type events struct {
	told *told
	who  string
}

func (e events) BecameActive(pulsar.Consumer, string, int32)   { e.told.set(e.who, true) }
func (e events) BecameInactive(pulsar.Consumer, string, int32) { e.told.set(e.who, false) }

func (c *ctx) join(t string, kind pulsar.SubscriptionType, a *arrivals, who string,
	change ...func(*pulsar.ConsumerOptions)) *taker {
	o := options(t, append(change, typed(kind))...)
	o.Name = who
	return newTaker(subscribeWith(c.newClient(), o), a, who)
}

func failover(c *ctx) {
	t := c.topic()
	a := newArrivals()
	active := &told{who: map[string]bool{}}
	join := func(who string) *taker {
		return c.join(t, pulsar.Failover, a, who, func(o *pulsar.ConsumerOptions) { o.EventListener = events{active, who} })
	}
	takers := map[string]*taker{}
	for _, who := range []string{"a", "b", "c"} {
		takers[who] = join(who)
	}
	f := newFlow(c.producer(t), 300, 0)
	a.more(200)
	leave := func() string {
		who := a.active()
		takers[who].leave()
		delete(takers, who)
		active.set(who, false)
		return who
	}
	first := leave()
	a.more(200)
	second := a.active()
	check(second != first, "another one took over")
	l := a.all()
	for _, x := range l[len(l)-100:] {
		equal(x.who, second, "one at a time is active")
	}
	until("the active one was told, the other one too", 15, func() bool { return active.only(second) })
	takers[first] = join(first)
	time.Sleep(1500 * time.Millisecond) // the choice of the active one is delayed by up to a second
	a.more(100)
	for len(takers) > 1 {
		leave()
		a.more(50)
	}
	a.inOrder(f.finish())
	for _, k := range takers {
		k.leave()
	}
}

func shared(c *ctx) {
	t := c.topic()
	a := newArrivals()
	join := func(who string) *taker {
		return c.join(t, pulsar.Shared, a, who, func(o *pulsar.ConsumerOptions) { o.ReceiverQueueSize = 20 })
	}
	one := join("a")
	f := newFlow(c.producer(t), 500, 0)
	a.awaitMore("a", 50)
	two, three := join("b"), join("c")
	for _, who := range []string{"a", "b", "c"} {
		a.awaitMore(who, 50)
	}
	one.leave()
	a.awaitMore("b", 50)
	a.awaitMore("c", 50)
	two.leave()
	one = join("a2")
	a.awaitMore("a2", 50)
	three.leave()
	a.awaitMore("a2", 50)
	a.complete(f.finish())
	one.leave()
	equal(a.doubles(), 0, "messages that came twice")
}

func keyShared(c *ctx) {
	const keys = 30
	t := c.topic()
	a := newArrivals()
	join := func(who string) *taker { return c.join(t, pulsar.KeyShared, a, who) }
	one := join("a")
	f := newFlow(c.producer(t), 500, keys)
	a.awaitMore("a", 100)
	two, three := join("b"), join("c")
	for _, who := range []string{"a", "b", "c"} {
		a.awaitMore(who, 50)
	}
	// settled: each key has one owner
	mark := len(a.all())
	a.more(10 * keys)
	owner, owners := map[string]string{}, map[string]bool{}
	for _, x := range a.all()[mark:] {
		before, there := owner[x.key]
		check(!there || before == x.who, "two owners of %s: %s, %s", x.key, before, x.who)
		owner[x.key] = x.who
		owners[x.who] = true
	}
	equal(len(owner), keys, "keys seen")
	equal(len(owners), 3, "owners")
	two.leave()
	a.awaitMore("a", 50)
	a.awaitMore("c", 50)
	two = join("b2")
	a.awaitMore("b2", 50)
	one.leave()
	a.awaitMore("c", 50)
	three.leave()
	a.complete(f.finish())
	two.leave()
	equal(a.doubles(), 0, "messages that came twice")
	last := map[string]int{}
	for _, x := range a.all() {
		equal(x.key, fmt.Sprintf("k%d", x.number%keys), "the message's key")
		before, there := last[x.key]
		check(!there || before < x.number, "order of %s: %d before %d", x.key, before, x.number)
		last[x.key] = x.number
	}
	sticky(c)
}

// sticky: consumers that name their ranges of hashes.
func sticky(c *ctx) {
	t := c.topic("sticky")
	ranges := func(from, to int) func(*pulsar.ConsumerOptions) {
		p, err := pulsar.NewKeySharedPolicySticky([]int{from, to})
		ok(err, "ranges")
		return func(o *pulsar.ConsumerOptions) { o.KeySharedPolicy = p }
	}
	low := c.subscribe(t, typed(pulsar.KeyShared), ranges(0, 32767))
	_, err := c.newClient(5 * time.Second).Subscribe(options(t, typed(pulsar.KeyShared), ranges(30000, 40000)))
	fails(err, 0, "ranges that overlap")
	high := c.subscribe(t, typed(pulsar.KeyShared), ranges(32768, 65535))
	sendKeyed(c.producer(t), 0, 200, func(i int) string { return fmt.Sprintf("k%d", i%20) })
	got := map[pulsar.Consumer]map[string]bool{low: {}, high: {}}
	end := time.Now().Add(patience)
	for n := 0; n < 200; {
		for s, keys := range got {
			for m := receive(s, 10*time.Millisecond); m != nil; m = receive(s, 10*time.Millisecond) {
				keys[m.Key()] = true
				ok(s.Ack(m), "ack")
				n++
			}
		}
		check(time.Now().Before(end), "%d of 200 came", n)
	}
	equal(len(got[low])+len(got[high]), 20, "owners of the 20 keys")
	check(len(got[low]) > 0 && len(got[high]) > 0, "both got some")
}
