// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

// quiet is how long nothing must come until "nothing more comes" is believed.
const quiet = 700 * time.Millisecond

// patience is how long one message may take.
const patience = 15 * time.Second

// ctx is what every scenario uses: names of its own, clients, the admin API.
type ctx struct {
	url, http, keys, unique string
	trust                   string                // file of a certificate; "": no TLS
	who                     pulsar.Authentication // of clients from now on; nil: they say nothing
	ask                     func(string)
	clients                 []pulsar.Client
	first                   pulsar.Client
}

// --- names and clients

func (c *ctx) topic(suffix ...string) string {
	return "persistent://public/default/" + c.unique + "-" + strings.Join(append(suffix, "t"), "-")
}

func (c *ctx) clientOptions() pulsar.ClientOptions {
	return pulsar.ClientOptions{URL: c.url, OperationTimeout: 20 * time.Second, TLSTrustCertsFilePath: c.trust,
		TLSValidateHostname: c.trust != "", Authentication: c.who}
}

func (c *ctx) newClient(timeout ...time.Duration) pulsar.Client {
	o := c.clientOptions()
	if len(timeout) > 0 {
		o.OperationTimeout = timeout[0]
	}
	return c.clientWith(o)
}

func (c *ctx) clientWith(o pulsar.ClientOptions) pulsar.Client {
	n, err := pulsar.NewClient(o)
	ok(err, "a client")
	c.clients = append(c.clients, n)
	return n
}

// secure makes clients from now on speak TLS and trust that certificate of the harness.
func (c *ctx) secure(certificate string) {
	r, err := http.NewRequest("GET", c.http+"/lookup/v2/topic/"+path(c.topic()), nil)
	ok(err, "request")
	r.Header.Set("Authorization", "Bearer "+c.token("root"))
	a, err := http.DefaultClient.Do(r)
	ok(err, "lookup")
	defer a.Body.Close()
	var v struct{ BrokerUrlTls string }
	ok(json.NewDecoder(a.Body).Decode(&v), "lookup")
	c.url, c.trust, c.first = v.BrokerUrlTls, c.keys+"/"+certificate, nil
}

// login makes clients from now on say that they are this one.
func (c *ctx) login(who pulsar.Authentication) {
	c.who, c.first = who, nil
}

// token is one that doesn't expire while a suite runs.
func (c *ctx) token(role string) string {
	return c.tokenFor(role, "token", time.Hour)
}

// tokenFor is a JSON web token of a secret of the harness, by HS256.
func (c *ctx) tokenFor(role, secret string, life time.Duration) string {
	key, err := os.ReadFile(c.keys + "/" + secret + ".secret")
	ok(err, "secret")
	claims := fmt.Sprintf(`{"sub":%q,"exp":%.3f}`, role, float64(time.Now().Add(life).UnixMilli())/1000)
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256"}`)) + "." + b64([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

func (c *ctx) client() pulsar.Client {
	if c.first == nil {
		c.first = c.newClient()
	}
	return c.first
}

func (c *ctx) close() {
	var wg sync.WaitGroup
	for _, n := range c.clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n.Close()
		}()
	}
	wg.Wait()
}

// producer makes one that doesn't batch, unless told otherwise.
func (c *ctx) producer(topic string, change ...func(*pulsar.ProducerOptions)) pulsar.Producer {
	o := pulsar.ProducerOptions{Topic: topic, DisableBatching: true}
	for _, f := range change {
		f(&o)
	}
	p, err := c.client().CreateProducer(o)
	ok(err, "producer of "+topic)
	return p
}

func batches(n uint) func(*pulsar.ProducerOptions) {
	return func(o *pulsar.ProducerOptions) {
		o.DisableBatching = false
		o.BatchingMaxMessages = n
		o.BatchingMaxPublishDelay = time.Second
	}
}

// options of a consumer of subscription "sub" from the earliest message on.
func options(topic string, change ...func(*pulsar.ConsumerOptions)) pulsar.ConsumerOptions {
	o := pulsar.ConsumerOptions{Topic: topic, SubscriptionName: "sub",
		SubscriptionInitialPosition: pulsar.SubscriptionPositionEarliest}
	for _, f := range change {
		f(&o)
	}
	return o
}

func named(sub string) func(*pulsar.ConsumerOptions) {
	return func(o *pulsar.ConsumerOptions) { o.SubscriptionName = sub }
}

func typed(t pulsar.SubscriptionType) func(*pulsar.ConsumerOptions) {
	return func(o *pulsar.ConsumerOptions) { o.Type = t }
}

func (c *ctx) subscribe(topic string, change ...func(*pulsar.ConsumerOptions)) pulsar.Consumer {
	return subscribeWith(c.client(), options(topic, change...))
}

func subscribeWith(client pulsar.Client, o pulsar.ConsumerOptions) pulsar.Consumer {
	s, err := client.Subscribe(o)
	ok(err, "consumer of "+o.Topic)
	return s
}

func (c *ctx) reader(topic string, from pulsar.MessageID, inclusive bool) pulsar.Reader {
	r, err := c.client().CreateReader(pulsar.ReaderOptions{Topic: topic, StartMessageID: from,
		StartMessageIDInclusive: inclusive})
	ok(err, "reader of "+topic)
	return r
}

// --- admin

func (c *ctx) admin(method, path, body string, want ...int) any {
	r, err := http.NewRequest(method, c.http+"/admin/v2/"+path, strings.NewReader(body))
	ok(err, "request")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token("root"))
	a, err := (&http.Client{Timeout: 20 * time.Second}).Do(r)
	ok(err, method+" "+path)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	ok(err, method+" "+path)
	if len(want) == 0 {
		want = []int{200, 204}
	}
	check(slices.Contains(want, a.StatusCode), "%s %s: status %d: %s", method, path, a.StatusCode, text)
	var v any
	if len(bytes.TrimSpace(text)) > 0 {
		ok(json.Unmarshal(text, &v), "JSON of "+path)
	}
	return v
}

func path(topic string) string {
	return strings.Replace(topic, "://", "/", 1)
}

func (c *ctx) stats(topic string) any {
	return c.admin("GET", path(topic)+"/stats", "")
}

// at goes down into JSON by names and indexes; nil if it isn't there.
func at(v any, way ...any) any {
	for _, w := range way {
		switch k := w.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func length(v any) int {
	switch x := v.(type) {
	case []any:
		return len(x)
	case map[string]any:
		return len(x)
	}
	return -1
}

func integer(v any) int {
	f, is := v.(float64)
	check(is, "not a number: %v", v)
	return int(f)
}

func (c *ctx) backlog(topic, sub string) int {
	return integer(at(c.stats(topic), "subscriptions", sub, "msgBacklog"))
}

func (c *ctx) noBacklog(topic, sub string) {
	until("backlog of "+sub+" is 0", 15, func() bool { return c.backlog(topic, sub) == 0 })
}

func (c *ctx) partitions(topic string, n int) {
	c.admin("PUT", path(topic)+"/partitions", strconv.Itoa(n))
}

// --- checking

func check(is bool, format string, args ...any) {
	if !is {
		panic(failure(fmt.Sprintf(format, args...)))
	}
}

func ok(err error, what string) {
	check(err == nil, "%s: %v", what, err)
}

func brief(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 200 {
		s = s[:120] + "..." + s[len(s)-60:]
	}
	return s
}

func equal(got, want any, what string) {
	check(reflect.DeepEqual(got, want), "%s: got %s, want %s", what, brief(got), brief(want))
}

// fails wants an error, with that result unless it is 0.
func fails(err error, result pulsar.Result, what string) {
	check(err != nil, "%s: no error", what)
	var e *pulsar.Error
	check(result == 0 || errors.As(err, &e) && e.Result() == result, "%s: got %v", what, err)
}

func until(what string, limitS int, f func() bool) {
	end := time.Now().Add(time.Duration(limitS) * time.Second)
	for !f() {
		check(time.Now().Before(end), "not so after %d s: %s", limitS, what)
		time.Sleep(50 * time.Millisecond)
	}
}

// --- messages

func text(m pulsar.Message) string {
	return string(m.Payload())
}

func number(m pulsar.Message) int {
	n, err := strconv.Atoi(strings.TrimPrefix(text(m), "m-"))
	ok(err, "body "+brief(text(m)))
	return n
}

// bodies are "m-FIRST" and so on.
func bodies(first, n int) (l []string) {
	for i := first; i < first+n; i++ {
		l = append(l, fmt.Sprintf("m-%d", i))
	}
	return l
}

func texts(l []pulsar.Message) (out []string) {
	for _, m := range l {
		out = append(out, text(m))
	}
	return out
}

func numbers(l []pulsar.Message) (out []int) {
	for _, m := range l {
		out = append(out, number(m))
	}
	return out
}

func sorted(l []string) []string {
	return slices.Sorted(slices.Values(l))
}

func ints(from, to int, take func(int) bool) (l []int) {
	for i := from; i < to; i++ {
		if take(i) {
			l = append(l, i)
		}
	}
	return l
}

func send(p pulsar.Producer, m *pulsar.ProducerMessage) pulsar.MessageID {
	deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id, err := p.Send(deadline, m)
	ok(err, "send")
	return id
}

func sendText(p pulsar.Producer, body string) pulsar.MessageID {
	return send(p, &pulsar.ProducerMessage{Payload: []byte(body)})
}

// sendAll sends without waiting in between, and returns the ids of all receipts.
func sendAll(p pulsar.Producer, l []*pulsar.ProducerMessage) []pulsar.MessageID {
	ids := make([]pulsar.MessageID, len(l))
	done := make(chan error, len(l))
	for i, m := range l {
		p.SendAsync(context.Background(), m, func(id pulsar.MessageID, _ *pulsar.ProducerMessage, err error) {
			ids[i] = id
			done <- err
		})
	}
	ok(p.Flush(), "flush")
	end := time.After(30 * time.Second)
	for i := range l {
		select {
		case err := <-done:
			ok(err, "receipt")
		case <-end:
			check(false, "%d of %d receipts came", i, len(l))
		}
	}
	return ids
}

func sendN(p pulsar.Producer, first, n int) []pulsar.MessageID {
	return sendKeyed(p, first, n, func(int) string { return "" })
}

func sendKeyed(p pulsar.Producer, first, n int, key func(int) string) []pulsar.MessageID {
	var l []*pulsar.ProducerMessage
	for i := first; i < first+n; i++ {
		l = append(l, &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i), Key: key(i)})
	}
	return sendAll(p, l)
}

// receive returns nil if nothing came in time.
func receive(s pulsar.Consumer, limit time.Duration) pulsar.Message {
	deadline, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	m, err := s.Receive(deadline)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	ok(err, "receive")
	return m
}

func receiveN(s pulsar.Consumer, n int) []pulsar.Message {
	l := takeN(s, n)
	for _, m := range l {
		ok(s.Ack(m), "ack")
	}
	return l
}

// takeN doesn't acknowledge.
func takeN(s pulsar.Consumer, n int, limit ...time.Duration) (l []pulsar.Message) {
	wait := append(limit, patience)[0]
	for len(l) < n {
		m := receive(s, wait)
		check(m != nil, "%d of %d messages came", len(l), n)
		l = append(l, m)
	}
	return l
}

func readN(r pulsar.Reader, n int) (l []string) {
	for len(l) < n {
		l = append(l, text(read(r)))
	}
	return l
}

func read(r pulsar.Reader) pulsar.Message {
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := r.Next(deadline)
	ok(err, "reader")
	return m
}

func nothing(s pulsar.Consumer) {
	if m := receive(s, quiet); m != nil {
		check(false, "unexpected message %s %v", brief(text(m)), m.ID())
	}
}

func where(id pulsar.MessageID) string {
	return fmt.Sprintf("%d:%d", id.LedgerID(), id.EntryID())
}
