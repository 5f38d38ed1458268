// SPDX-License-Identifier: Apache-2.0

// The Go client's suite. interop/run starts it and tells it what to run.
//
// usage: suite URL HTTP KEYDIR WORKDIR < commands
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// failure is what a check panics with.
type failure string

var scenarios = map[string]func(*ctx){}

// try runs one scenario and returns its answer to the driver.
func try(c *ctx, name string) (answer string) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fmt.Fprintf(os.Stderr, "%v\n%s", r, debug.Stack())
		answer = "@fail " + strings.Join(strings.Fields(fmt.Sprint(r)), " ")
	}()
	run, ok := scenarios[name]
	check(ok, "no such scenario in this suite")
	run(c)
	c.close()
	return "@pass"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	ask := func(text string) {
		fmt.Println(text)
		check(in.Scan(), "the driver is gone")
		check(in.Text() == "ok", "%s", in.Text())
	}
	for in.Scan() {
		w := strings.Fields(in.Text())
		c := &ctx{url: os.Args[1], http: os.Args[2], keys: os.Args[3], unique: w[2], ask: ask}
		fmt.Println(try(c, w[1]))
	}
}
