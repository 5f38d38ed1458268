// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/apache/pulsar-client-go/pulsar/crypto"
)

// Connecting, sending, receiving: bodies, keys, batches, compression, chunks, encryption.
func init() {
	scenarios["connect"] = connect
	scenarios["plain"] = plain
	scenarios["keyed"] = keyed
	scenarios["batched"] = batched
	for name, codec := range map[string]pulsar.CompressionType{"none": pulsar.NoCompression, "lz4": pulsar.LZ4,
		"zlib": pulsar.ZLib, "zstd": pulsar.ZSTD, "snappy": pulsar.SNAPPY} {
		scenarios["compress-"+name] = func(c *ctx) { compressed(c, name, codec) }
	}
	scenarios["chunked"] = chunked
	scenarios["encrypted"] = encrypted
	scenarios["tls"] = tls
}

func connect(c *ctx) {
	t := c.topic()
	p := c.producer(t)
	equal(p.Topic(), t, "topic")
	check(p.Name() != "", "the broker gives the producer a name")
	q := c.producer(t)
	check(q.Name() != p.Name(), "two producers, two names")
	parts, err := c.client().TopicPartitions(t)
	ok(err, "partitions")
	equal(parts, []string{t}, "partitions")
	for _, none := range []string{"public/" + c.unique + "-none", c.unique + "-none/default"} {
		_, err := c.newClient(3 * time.Second).CreateProducer(pulsar.ProducerOptions{Topic: "persistent://" + none + "/t"})
		fails(err, 0, "a namespace that isn't there")
	}
}

func tls(c *ctx) {
	c.secure("other.crt")
	_, err := c.newClient(3 * time.Second).CreateProducer(pulsar.ProducerOptions{Topic: c.topic()})
	check(err != nil, "a certificate that isn't trusted")
	c.secure("tls.crt")
	plain(c)
}

func plain(c *ctx) {
	t := c.topic()
	s := c.subscribe(t)
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.Properties = map[string]string{"app": "interop"} })
	t0 := time.Now().Truncate(time.Millisecond)
	props := func(i int) map[string]string {
		return map[string]string{"n": fmt.Sprint(i), "empty": "", "ä": "ö€"}
	}
	var ids []pulsar.MessageID
	for i := range 100 {
		ids = append(ids, send(p, &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i), Properties: props(i),
			EventTime: time.UnixMilli(int64(1000 + i))}))
	}
	got := receiveN(s, 100)
	t1 := time.Now()
	equal(texts(got), bodies(0, 100), "bodies in order")
	for i, m := range got {
		equal(m.Properties(), props(i), "properties")
		equal(m.EventTime().UnixMilli(), int64(1000+i), "event time")
		check(!m.PublishTime().Before(t0) && !m.PublishTime().After(t1), "publish time")
		equal(m.Topic(), t, "topic name")
		equal(m.ProducerName(), p.Name(), "producer name")
		equal(m.RedeliveryCount(), uint32(0), "redelivery count")
		equal(where(m.ID()), where(ids[i]), "the id of the receipt is the message's")
	}
	equal(p.LastSequenceID(), int64(99), "last sequence id")
	big := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(big)
	// (this client throws a single message of zero bytes away when it receives it: "corrupted")
	send(p, &pulsar.ProducerMessage{Payload: big})
	check(bytes.Equal(receiveN(s, 1)[0].Payload(), big), "1 MB body")
	nothing(s)
}

func keyed(c *ctx) {
	t := c.topic()
	s, p := c.subscribe(t), c.producer(t)
	for i := range 50 {
		send(p, &pulsar.ProducerMessage{Payload: fmt.Appendf(nil, "m-%d", i), Key: fmt.Sprintf("key-%d", i%7),
			OrderingKey: fmt.Sprintf("order-%d", i%3)})
	}
	sendText(p, "none")
	got := receiveN(s, 51)
	for i, m := range got[:50] {
		equal(m.Key(), fmt.Sprintf("key-%d", i%7), "key")
		equal(m.OrderingKey(), fmt.Sprintf("order-%d", i%3), "ordering key")
	}
	equal(got[50].Key(), "", "no key")
}

func batched(c *ctx) {
	t := c.topic()
	s := c.subscribe(t)
	p := c.producer(t, batches(100))
	ids := sendN(p, 0, 1000)
	got := receiveN(s, 1000)
	equal(texts(got), bodies(0, 1000), "bodies in order")
	entries := map[string]bool{}
	for i, m := range got {
		equal(where(m.ID()), where(ids[i]), "ids of the receipts")
		equal(m.ID().BatchIdx(), ids[i].BatchIdx(), "batch indexes")
		entries[where(m.ID())] = true
	}
	check(len(entries) < 500, "batches hold several messages")
	p.Close()
	p = c.producer(t, batches(100), func(o *pulsar.ProducerOptions) { o.BatcherBuilderType = pulsar.KeyBasedBatchBuilder })
	sendKeyed(p, 0, 500, func(i int) string { return fmt.Sprintf("key-%d", i%5) })
	got = receiveN(s, 500)
	owner := map[string]string{}
	for k := range 5 {
		key := fmt.Sprintf("key-%d", k)
		var mine []int
		for _, m := range got {
			if m.Key() == key {
				mine = append(mine, number(m))
				before, there := owner[where(m.ID())]
				check(!there || before == key, "one key per batch")
				owner[where(m.ID())] = key
			}
		}
		equal(mine, ints(0, 500, func(i int) bool { return i%5 == k }), "order of "+key)
	}
	nothing(s)
}

func compressed(c *ctx, name string, codec pulsar.CompressionType) {
	t := c.topic()
	s := c.subscribe(t)
	var want []string
	sum := 0
	for i := range 50 {
		want = append(want, strings.Repeat(fmt.Sprintf("%d ", i), 3000))
		sum += len(want[i])
	}
	use := func(o *pulsar.ProducerOptions) { o.CompressionType = codec }
	props := map[string]string{"codec": name}
	for _, p := range []pulsar.Producer{c.producer(t, use), c.producer(t, batches(10), use)} {
		var l []*pulsar.ProducerMessage
		for _, b := range want {
			l = append(l, &pulsar.ProducerMessage{Payload: []byte(b), Properties: props})
		}
		sendAll(p, l)
		got := receiveN(s, 50)
		equal(texts(got), want, "bodies")
		equal(got[0].Properties(), props, "properties")
	}
	if codec != pulsar.NoCompression {
		size := integer(at(c.stats(t), "storageSize"))
		check(size < sum, "stored compressed: %d bytes of %d", size, sum)
	}
}

func chunked(c *ctx) {
	t := c.topic()
	s := c.subscribe(t)
	p := c.producer(t, func(o *pulsar.ProducerOptions) { o.EnableChunking = true })
	var two [2][]byte
	for i := range two {
		two[i] = make([]byte, 20_000_000)
		rand.New(rand.NewSource(int64(i))).Read(two[i])
		send(p, &pulsar.ProducerMessage{Payload: two[i], Properties: map[string]string{"n": fmt.Sprint(i)}})
	}
	sendText(p, "small")
	got := takeN(s, 3, 30*time.Second)
	for i, m := range got {
		if i < 2 {
			check(bytes.Equal(m.Payload(), two[i]), "the same 20 MB")
			equal(m.Properties(), map[string]string{"n": fmt.Sprint(i)}, "properties")
		}
		ok(s.Ack(m), "ack")
	}
	equal(text(got[2]), "small", "the small one behind")
	s.Close()
	nothing(c.subscribe(t))
	m := read(c.reader(t, pulsar.EarliestMessageID(), false))
	check(bytes.Equal(m.Payload(), two[0]), "a reader gets it whole")
}

func encrypted(c *ctx) {
	t := c.topic()
	file := func(owner string) crypto.KeyReader {
		return crypto.NewFileKeyReader(c.keys+"/"+owner+".public.pem", c.keys+"/"+owner+".private.pem")
	}
	sub := func(name string, d *pulsar.MessageDecryptionInfo) pulsar.Consumer {
		return c.subscribe(t, named(name), func(o *pulsar.ConsumerOptions) { o.Decryption = d })
	}
	holder := sub("holder", &pulsar.MessageDecryptionInfo{KeyReader: file("one")})
	blind := sub("blind", &pulsar.MessageDecryptionInfo{KeyReader: file("two"),
		ConsumerCryptoFailureAction: crypto.ConsumerCryptoFailureActionConsume})
	refused := sub("refused", nil)
	wrong := sub("wrong", &pulsar.MessageDecryptionInfo{KeyReader: file("two"),
		ConsumerCryptoFailureAction: crypto.ConsumerCryptoFailureActionDiscard})
	for _, change := range []func(*pulsar.ProducerOptions){func(*pulsar.ProducerOptions) {}, batches(10)} {
		p := c.producer(t, change, func(o *pulsar.ProducerOptions) {
			o.Encryption = &pulsar.ProducerEncryptionInfo{KeyReader: file("one"), Keys: []string{"interop"}}
			o.CompressionType = pulsar.ZSTD
		})
		sendN(p, 0, 10)
		equal(texts(receiveN(holder, 10)), bodies(0, 10), "decrypted")
		p.Close()
	}
	m := receiveN(blind, 1)[0]
	check(!strings.HasPrefix(text(m), "m-"), "cipher text without the key")
	e := m.GetEncryptionContext()
	check(e != nil && len(e.Keys) == 1, "names of the keys")
	_, there := e.Keys["interop"]
	check(there, "name of the key")
	nothing(refused)
	nothing(wrong)
}
