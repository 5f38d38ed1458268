// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/sirupsen/logrus"
)

// Who clients are and what they may do: against a broker of the profile "secured", or "anonymous".
func init() {
	scenarios["token"] = token
	scenarios["token-wrong"] = tokenWrong
	scenarios["token-expired"] = tokenExpired
	scenarios["token-refresh"] = tokenRefresh
	scenarios["token-ends"] = tokenEnds
	scenarios["basic"] = basicLogin
	scenarios["tls-chain"] = tlsChain
	scenarios["mtls"] = mtls
	scenarios["authorized"] = authorized
	scenarios["revoked"] = revoked
	scenarios["anonymous"] = anonymous
}

const grants = "namespaces/public/default/permissions"

// basicPassword is that of role u-basic, as harness/credentials.py has it.
const basicPassword = "pass word.1"

// forbidden is what a client's error for a refused request says; it has no type of its own. That a login is refused is
// for this client only a lost connection, which it tries again until its timeout: the broker's reason, which is this,
// goes to its log.
const denied, forbidden = "Failed to authenticate", "AuthorizationError"

// lines is a client's log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) has(word string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), word)
}

func (c *ctx) grant(role string, actions ...string) {
	body, err := json.Marshal(actions)
	ok(err, "actions")
	c.admin("POST", grants+"/"+role, string(body))
}

func (c *ctx) revoke(role string) {
	c.admin("DELETE", grants+"/"+role, "")
}

func (c *ctx) as(role string) pulsar.Authentication {
	return pulsar.NewAuthenticationToken(c.token(role))
}

// works: ten messages, there and back.
func works(c *ctx, topic string) {
	s := c.subscribe(topic)
	p := c.producer(topic)
	sendN(p, 0, 10)
	equal(sorted(texts(receiveN(s, 10))), bodies(0, 10), "bodies")
	p.Close()
	s.Close()
}

func says(err error, word, what string) {
	check(err != nil, "%s: no error", what)
	check(strings.Contains(err.Error(), word), "%s: got %v", what, err)
}

func produce(client pulsar.Client, topic string) error {
	_, err := client.CreateProducer(pulsar.ProducerOptions{Topic: topic})
	return err
}

func consume(client pulsar.Client, topic string, change ...func(*pulsar.ConsumerOptions)) error {
	_, err := client.Subscribe(options(topic, change...))
	return err
}

// refused: neither producer nor consumer of that client, whose error or log gives the reason.
func refused(c *ctx, word, what string, who pulsar.Authentication) {
	allRefused(c, word, map[string]pulsar.Authentication{what: who})
}

// allRefused: so each of them, by what they are.
func allRefused(c *ctx, word string, who map[string]pulsar.Authentication) {
	t, errs := c.topic("refused"), make(chan error)
	for what, a := range who {
		c.login(a)
		l := &lines{}
		logger := logrus.New()
		logger.SetOutput(l)
		o := c.clientOptions()
		o.OperationTimeout = 2 * time.Second
		o.Logger = log.NewLoggerWithLogrus(logger)
		said := func(err error) error {
			if err != nil && (strings.Contains(err.Error(), word) || l.has(word)) {
				return nil
			}
			return fmt.Errorf("%s: got %v, not %s", what, err, word)
		}
		one, two := c.clientWith(o), c.clientWith(o)
		go func() { errs <- said(produce(one, t)) }()
		go func() { errs <- said(consume(two, t)) }()
	}
	var all error
	for range 2 * len(who) {
		all = errors.Join(all, <-errs)
	}
	ok(all, "not refused")
}

// --- tokens

func token(c *ctx) {
	role := c.unique
	t := c.token(role)
	f, err := os.CreateTemp("", "interop-token-")
	ok(err, "file")
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, t)
	ok(err, "file")
	ok(f.Close(), "file")
	byName, err := pulsar.NewAuthentication("token", fmt.Sprintf(`{"token":%q}`, t))
	ok(err, "authentication by name")
	c.grant(role, "produce", "consume")
	for _, a := range []pulsar.Authentication{pulsar.NewAuthenticationToken(t), byName,
		pulsar.NewAuthenticationTokenFromSupplier(func() (string, error) { return t, nil }),
		pulsar.NewAuthenticationTokenFromFile(f.Name())} {
		c.login(a)
		works(c, c.topic("ways"))
	}
	c.url = c.http
	c.login(pulsar.NewAuthenticationToken(t))
	works(c, c.topic("http"))
	refused(c, "", "a wrong token over HTTP", pulsar.NewAuthenticationToken("x.y.z"))
	c.revoke(role)
}

func tokenWrong(c *ctx) {
	claims := strings.Split(c.token("root"), ".")[1]
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + claims + "."
	for _, t := range []string{c.tokenFor("root", "other", time.Hour), none} {
		refused(c, denied, "token "+t, pulsar.NewAuthenticationToken(t))
	}
	refused(c, denied, "no credentials", nil)
}

func tokenExpired(c *ctx) {
	refused(c, denied, "a token of the past", pulsar.NewAuthenticationToken(c.tokenFor("root", "token", -5*time.Second)))
}

// places are the connections of the topic's producers and of sub's consumers.
func (c *ctx) places(topic string) (l []string) {
	s := c.stats(topic)
	for _, who := range []any{at(s, "publishers"), at(s, "subscriptions", "sub", "consumers")} {
		for i := range max(0, length(who)) {
			l = append(l, fmt.Sprint(at(who, i, "address"), " ", at(who, i, "connectedSince")))
		}
	}
	return l
}

func tokenRefresh(c *ctx) {
	var asked atomic.Int32
	renewed(c, c.unique, pulsar.NewAuthenticationTokenFromSupplier(func() (string, error) {
		asked.Add(1)
		return c.tokenFor(c.unique, "token", 2*time.Second), nil
	}), func() int { return int(asked.Load()) })
}

// renewed: new tokens are asked for while messages flow; the connection stays.
func renewed(c *ctx, role string, who pulsar.Authentication, asked func() int) {
	t := c.topic()
	c.grant(role, "produce", "consume")
	c.login(who)
	a := newArrivals()
	k := newTaker(c.subscribe(t), a, "c")
	p := c.producer(t)
	before, first := c.places(t), asked()
	equal(len(before), 2, "producer and consumer")
	f := newFlow(p, 300, 0)
	until("tokens are asked for", 30, func() bool { return asked() >= first+2 })
	a.more(100)
	equal(c.places(t), before, "connections")
	a.inOrder(f.finish())
	equal(a.doubles(), 0, "doubles")
	k.leave()
	c.revoke(role)
}

// gone: producer and consumer have lost their places.
func gone(c *ctx, topic string) {
	until("the broker has no producer and consumer", 20, func() bool { return len(c.places(topic)) == 0 })
}

// tokenEnds: one that can't be renewed; when it ends, the connection does.
func tokenEnds(c *ctx) {
	role, t := c.unique, c.topic()
	c.grant(role, "produce", "consume")
	c.login(pulsar.NewAuthenticationToken(c.tokenFor(role, "token", 3*time.Second)))
	c.first = c.newClient(3 * time.Second) // closing it takes as long
	c.subscribe(t)
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.SendTimeout = 2 * time.Second })
	sendN(p, 0, 10)
	gone(c, t)
	sendFails(p)
	c.login(c.as(role))
	equal(texts(receiveN(c.subscribe(t), 10)), bodies(0, 10), "they are all there")
	c.revoke(role)
}

// --- other methods

func password(user, password string) pulsar.Authentication {
	a, err := pulsar.NewAuthenticationBasic(user, password)
	ok(err, "basic")
	return a
}

func basicLogin(c *ctx) {
	c.grant("u-basic", "produce", "consume")
	c.login(password("u-basic", basicPassword))
	works(c, c.topic("ways"))
	refused(c, denied, "a wrong password", password("u-basic", "pass word.2"))
	refused(c, denied, "an unknown user", password("u-none", basicPassword))
	c.revoke("u-basic")
}

// tlsChain: the server's certificate is signed by one in between; only the root is known to the client.
func tlsChain(c *ctx) {
	role := c.unique
	c.grant(role, "produce", "consume")
	c.login(c.as(role))
	c.secure("nobody.pem")
	check(produce(c.newClient(3*time.Second), c.topic()) != nil, "a certificate that isn't trusted")
	c.secure("root.pem")
	plain(c)
	c.login(pulsar.NewAuthenticationToken("x.y.z"))
	refused(c, denied, "a wrong token over TLS", c.who)
	c.revoke(role)
}

func (c *ctx) certificate(name string) pulsar.Authentication {
	return pulsar.NewAuthenticationTLS(c.keys+"/"+name+".pem", c.keys+"/"+name+".key")
}

// mtls: the name of the client's certificate is its role.
func mtls(c *ctx) {
	for _, role := range []string{"u-cert", "u-chain"} {
		t := c.topic(role)
		c.grant(role, "produce", "consume")
		c.secure("root.pem")
		c.login(c.certificate(role))
		works(c, t)
		c.revoke(role)
		says(produce(c.newClient(3*time.Second), t), forbidden, role+" without a grant")
	}
	refused(c, "", "a stranger's certificate", c.certificate("stranger"))
}

// --- what they may do

func authorized(c *ctx) {
	t, u := c.topic(), c.unique
	refused(c, forbidden, "a role without grants", c.as(u))
	_, err := c.newClient(3 * time.Second).CreateReader(pulsar.ReaderOptions{Topic: t,
		StartMessageID: pulsar.EarliestMessageID()})
	says(err, forbidden, "reader of a role without grants")
	c.login(c.as(u))
	c.grant(u, "produce")
	sendN(c.producer(t), 0, 10)
	says(consume(c.client(), t), forbidden, "consumer of a role that may produce")
	c.grant(u, "consume")
	equal(texts(receiveN(c.subscribe(t), 10)), bodies(0, 10), "bodies in order")
	says(produce(c.client(), t), forbidden, "producer of a role that may consume")
	c.revoke(u)
	// one topic, of partitions
	parts := c.topic("parts")
	c.partitions(parts, 3)
	c.admin("POST", path(parts)+"/permissions/"+u, `["produce","consume"]`)
	c.login(c.as(u))
	works(c, parts)
	says(produce(c.client(), c.topic("else")), forbidden, "another topic")
	// one subscription
	c.grant(u, "consume")
	c.admin("POST", grants+"/subscription/"+u+"-s", fmt.Sprintf(`[%q]`, u+"-other"))
	says(consume(c.client(), t, named(u+"-s")), forbidden, "a subscription for others")
	c.admin("DELETE", grants+"/"+u+"-s/"+u+"-other", "")
	c.revoke(u)
}

// revoked: who is there loses the place when the grant goes, and gets it back with a new one.
func revoked(c *ctx) {
	t, u := c.topic(), c.unique
	c.grant(u, "produce", "consume")
	c.login(c.as("root"))
	stays := c.subscribe(t, named("stays"))
	c.login(c.as(u))
	s := c.subscribe(t, typed(pulsar.Shared))
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.SendTimeout = 3 * time.Second })
	sendN(p, 0, 10)
	receiveN(s, 5)
	until("5 are acknowledged", 15, func() bool { return c.backlog(t, "sub") == 5 })
	c.revoke(u)
	gone(c, t)
	sendFails(p)
	refused(c, forbidden, "the role", c.as(u))
	equal(texts(receiveN(stays, 10)), bodies(0, 10), "others stay")
	c.grant(u, "produce", "consume")
	c.login(c.as(u))
	sendN(c.producer(t), 10, 5)
	equal(texts(receiveN(c.subscribe(t), 10)), bodies(5, 10), "what was not acknowledged, and what came then")
	c.revoke(u)
}

func anonymous(c *ctx) {
	c.grant("nobody", "produce", "consume")
	works(c, c.topic())
	refused(c, denied, "a wrong token", pulsar.NewAuthenticationToken("x.y.z"))
	c.revoke("nobody")
	refused(c, forbidden, "nothing to say", nil)
	c.login(c.as("root"))
	works(c, c.topic())
}

// sendFails: the producer has no place, and says so at the latest after its timeout.
func sendFails(p pulsar.Producer) {
	deadline, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, err := p.Send(deadline, &pulsar.ProducerMessage{Payload: []byte("m-x")})
	check(err != nil && deadline.Err() == nil, "sending: got %v", err)
}
