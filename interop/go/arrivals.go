// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

type arrival struct {
	number   int
	key, who string
}

// arrivals is everything that the consumers of a subscription got, in order.
type arrivals struct {
	sync.Mutex
	list  []arrival
	first []int
	seen  map[int]bool
}

func newArrivals() *arrivals {
	return &arrivals{seen: map[int]bool{}}
}

func (a *arrivals) add(m pulsar.Message, who string) {
	n := number(m)
	a.Lock()
	defer a.Unlock()
	a.list = append(a.list, arrival{n, m.Key(), who})
	if !a.seen[n] {
		a.seen[n] = true
		a.first = append(a.first, n)
	}
}

func (a *arrivals) all() []arrival {
	a.Lock()
	defer a.Unlock()
	return append([]arrival(nil), a.list...)
}

func (a *arrivals) count(who string) (n int) {
	for _, x := range a.all() {
		if x.who == who {
			n++
		}
	}
	return n
}

// size is the number of different messages so far.
func (a *arrivals) size() int {
	a.Lock()
	defer a.Unlock()
	return len(a.seen)
}

func (a *arrivals) doubles() int {
	a.Lock()
	defer a.Unlock()
	return len(a.list) - len(a.seen)
}

// active is who got the last message.
func (a *arrivals) active() string {
	l := a.all()
	return l[len(l)-1].who
}

func (a *arrivals) await(n, limitS int) {
	until(fmt.Sprintf("%d messages arrived", n), limitS, func() bool { return a.size() >= n })
}

func (a *arrivals) more(n int) {
	a.await(a.size()+n, 60)
}

func (a *arrivals) awaitMore(who string, n int) {
	want := a.count(who) + n
	until(fmt.Sprintf("%s got %d messages", who, n), 20, func() bool { return a.count(who) >= want })
}

// inOrder: all of 0 ... n - 1 came, their first arrivals in this order.
func (a *arrivals) inOrder(n int) {
	a.await(n, 30)
	a.Lock()
	defer a.Unlock()
	equal(a.first, ints(0, n, func(int) bool { return true }), "every message, first arrivals in order")
}

func (a *arrivals) complete(n int) {
	a.await(n, 30)
	a.Lock()
	defer a.Unlock()
	equal(len(a.seen), n, "different messages")
	for i := range n {
		check(a.seen[i], "message %d didn't arrive", i)
	}
}

// taker receives and acknowledges until it leaves.
type taker struct {
	consumer pulsar.Consumer
	who      string
	stop     context.CancelFunc
	done     chan error
}

func newTaker(s pulsar.Consumer, a *arrivals, who string) *taker {
	halt, stop := context.WithCancel(context.Background())
	t := &taker{s, who, stop, make(chan error, 1)}
	go func() {
		for {
			m, err := s.Receive(halt)
			if err == nil {
				a.add(m, who)
				err = s.Ack(m)
			}
			if err != nil {
				if errors.Is(err, context.Canceled) {
					err = nil
				}
				t.done <- err
				return
			}
		}
	}()
	return t
}

func (t *taker) leave() {
	t.stop()
	select {
	case err := <-t.done:
		ok(err, "consumer "+t.who)
	case <-time.After(20 * time.Second):
		check(false, "consumer %s hangs", t.who)
	}
	t.consumer.Close()
}

// flow sends numbered messages at a steady rate until it is finished.
type flow struct {
	halt     chan struct{}
	sent     chan int
	receipts chan error
}

func newFlow(p pulsar.Producer, rate, keys int) *flow {
	f := &flow{make(chan struct{}), make(chan int, 1), make(chan error, 1_000_000)}
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			m := &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i)}
			if keys > 0 {
				m.Key = fmt.Sprintf("k%d", i%keys)
			}
			p.SendAsync(context.Background(), m, func(_ pulsar.MessageID, _ *pulsar.ProducerMessage, err error) {
				f.receipts <- err
			})
			select {
			case <-f.halt:
				f.sent <- i + 1
				return
			case <-tick.C:
			}
		}
	}()
	return f
}

// finish stops sending, waits for all receipts and returns how many messages went out.
func (f *flow) finish() int {
	close(f.halt)
	end := time.After(60 * time.Second)
	n, got := 0, 0
	select {
	case n = <-f.sent:
	case <-end:
		check(false, "the producer hangs")
	}
	for ; got < n; got++ {
		select {
		case err := <-f.receipts:
			ok(err, "receipt")
		case <-end:
			check(false, "%d of %d receipts came", got, n)
		}
	}
	return n
}
