// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// acl's users are those of harness/profiles.py.
func acl(c *ctx) {
	t := c.topic("t")
	signed := func(user, secret string) producer.Option {
		return producer.WithCredentials(primitive.Credentials{AccessKey: user, SecretKey: secret})
	}
	p := c.newProducer(signed("works", "works-secret"))
	bodies := names("m", 50)
	for _, b := range bodies {
		_, err := p.SendSync(bg, msg(t, "", b))
		ok(err, "send %s", b)
	}
	take := func(user string) *taken {
		return c.take(c.group(user), t, tag("*"),
			consumer.WithCredentials(primitive.Credentials{AccessKey: user, SecretKey: user + "-secret"}))
	}
	take("works").exactly(bodies, 30*sec)
	take("reads").exactly(bodies, 30*sec)
	refused := func(why string, opts ...producer.Option) {
		_, err := c.newProducer(opts...).SendSync(bg, msg(t, "", "refused"))
		check(err != nil && strings.Contains(err.Error(), why), "not refused for %s: %v", why, err)
	}
	refused("check signature failed.", signed("works", "wrong"))
	refused("User:none is not found.", signed("none", "none"))
	refused("username cannot be null.")
	refused("no matched policies.", signed("nobody", "nobody-secret"))
	refused("no matched policies.", signed("reads", "reads-secret"))
	take("nobody").exactly(nil, sec)
}
