// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

func signed(user, secret string) producer.Option {
	return producer.WithCredentials(primitive.Credentials{AccessKey: user, SecretKey: secret})
}

func (c *ctx) takeAs(user, topic string) *taken {
	return c.take(c.group(user), topic, tag("*"),
		consumer.WithCredentials(primitive.Credentials{AccessKey: user, SecretKey: user + "-secret"}))
}

// sendRefused: a send to that topic, with that reason.
func sendRefused(p rocketmq.Producer, topic, why string) {
	_, err := p.SendSync(bg, msg(topic, "", "refused"))
	check(err != nil && strings.Contains(err.Error(), why), "not refused for %s: %v", why, err)
}

// acl's users are those of harness/profiles.py.
func acl(c *ctx) {
	t := c.topic("t")
	p := c.newProducer(signed("works", "works-secret"))
	bodies := names("m", 50)
	for _, b := range bodies {
		_, err := p.SendSync(bg, msg(t, "", b))
		ok(err, "send %s", b)
	}
	c.takeAs("works", t).exactly(bodies, 30*sec)
	c.takeAs("reads", t).exactly(bodies, 30*sec)
	refused := func(why string, opts ...producer.Option) {
		sendRefused(c.newProducer(opts...), t, why)
	}
	refused("check signature failed.", signed("works", "wrong"))
	refused("User:none is not found.", signed("none", "none"))
	refused("username cannot be null.")
	refused("no matched policies.", signed("nobody", "nobody-secret"))
	refused("no matched policies.", signed("reads", "reads-secret"))
	c.takeAs("nobody", t).exactly(nil, sec)
}

// plainAcl is ACL 1.0, with the accounts of harness/profiles.py.
func plainAcl(c *ctx) {
	t := c.topic("t")
	p := c.newProducer(signed("works-key", "works-key-secret"))
	bodies := names("m", 50)
	for _, b := range bodies {
		_, err := p.SendSync(bg, msg(t, "", b))
		ok(err, "send %s", b)
	}
	c.takeAs("works-key", t).exactly(bodies, 30*sec)
	c.takeAs("reads-key", t).exactly(bodies, 30*sec)
	refused := func(why string, opts ...producer.Option) {
		sendRefused(c.newProducer(opts...), t, why)
	}
	refused("Check signature failed for accessKey=works-key", signed("works-key", "wrong"))
	refused("No acl config for no-such-key", signed("no-such-key", "none"))
	refused("No accessKey is configured")
	refused("No default permission for topic:"+t, signed("reads-key", "reads-key-secret"))
	sendRefused(p, "denied-topic", "No default permission for topic:denied-topic")
	c.take("denied-group", t, tag("*"), consumer.WithCredentials(primitive.Credentials{AccessKey: "works-key",
		SecretKey: "works-key-secret"})).exactly(nil, sec)
	_, err := c.newProducer(signed("white-key", "known by its address")).SendSync(bg, msg("denied-topic", "", "x"))
	ok(err, "send by address")
	plainReload(c, p)
}

// plainReload: the file of accounts is another one, while clients are connected.
func plainReload(c *ctx, stays rocketmq.Producer) {
	t, gone := c.topic("t"), "AclException: No " // the reference has other words for an account that it once knew
	comes := c.newProducer(signed("comes-key", "comes-key-secret"))
	goes := c.newProducer(signed("goes-key", "goes-key-secret"))
	sends := func(p rocketmq.Producer) bool {
		_, err := p.SendSync(bg, msg(t, "", "x"))
		return err == nil
	}
	accounts := func(name string, who rocketmq.Producer) {
		ok(c.ask("@accounts "+name), "the file %s", name)
		await("the accounts of "+name, 30*sec, func() bool { return sends(who) })
	}
	check(sends(goes), "goes-key is there")
	sendRefused(comes, t, gone)
	defer func() { ok(c.ask("@accounts first"), "the first file") }()
	accounts("later", comes)
	sendRefused(goes, t, gone)
	check(sends(stays), "works-key stays")
	accounts("first", goes)
	sendRefused(comes, t, gone)
}
