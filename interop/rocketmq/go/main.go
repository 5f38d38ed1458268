// SPDX-License-Identifier: Apache-2.0

// The RocketMQ Go client's suite. interop/run starts it and tells it what to run.
//
// usage: suite NAMESRV WORKDIR < commands
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

type scenario func(*ctx)

var all = map[string]scenario{
	"connect": connect, "send": send, "async": async, "oneway": oneway, "batch": batch, "push": push,
	"broadcast": broadcast, "rebalance": rebalance, "orderly": orderly, "pull": pull, "tags": tags, "sql92": sql92,
	"from-first": fromFirst, "from-last": fromLast, "from-time": fromTime, "retry": retry, "dead-letter": deadLetter,
	"delay": delay, "transactions": transactions, "request-reply": requestReply, "namespace": namespace,
	"trace": traced, "compress-zlib": compressed, "restart-term": func(c *ctx) { restart(c, "TERM") },
	"restart-kill": func(c *ctx) { restart(c, "KILL") }, "acl": acl, "plain-acl": plainAcl,
}

// fail ends a scenario; run catches it.
type failed struct{ reason string }

func fail(format string, args ...any) {
	panic(failed{fmt.Sprintf(format, args...)})
}

func run(name string, c *ctx) (answer string) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failed)
			if !ok {
				panic(r)
			}
			answer = "@fail " + strings.Join(strings.Fields(f.reason), " ")
		}
	}()
	s := all[name]
	if s == nil {
		fail("no such scenario in this suite")
	}
	s(c)
	c.close()
	return "@pass"
}

func main() {
	rlog.SetLogLevel("error")
	rlog.SetOutputPath(os.Args[2] + "/rmq-go.log")
	in := bufio.NewReader(os.Stdin)
	read := func() string {
		line, err := in.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		return strings.TrimSpace(line)
	}
	for {
		w := strings.Fields(read())
		ask := func(text string) error {
			fmt.Println(text)
			if a := read(); a != "ok" {
				return errors.New(a)
			}
			return nil
		}
		fmt.Println(run(w[1], &ctx{addr: os.Args[1], unique: strings.ReplaceAll(w[2], ".", "-"), ask: ask}))
	}
}
