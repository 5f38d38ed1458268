// SPDX-License-Identifier: Apache-2.0
'use strict';

// The suite of ali-ons, the remoting client for Node. interop/run starts it and tells it what to run.
// usage: suite.js NAMESRV WORKDIR < commands
const crypto = require('crypto');
const net = require('net');
const path = require('path');
const readline = require('readline');
const ons = require('ali-ons');

const QUIET_MS = 700;   // "nothing more comes" is believed after this
const FIRST = 'makes its topic';
const sleep = ms => new Promise(done => setTimeout(done, ms));

function check(cond, what) {
  if (!cond) throw new Error(what);
}

function equal(got, want, what) {
  const g = JSON.stringify(got), w = JSON.stringify(want);
  check(g === w, `${what}: got ${String(g).slice(0, 150)}, not ${String(w).slice(0, 150)}`);
}

async function wait(what, limitMs, test) {
  for (const end = Date.now() + limitMs; !await test(); await sleep(20)) {
    check(Date.now() < end, `not within ${limitMs} ms: ${what}`);
  }
}

const names = (prefix, n) => Array.from({ length: n }, (_, i) => `${prefix}-${String(i).padStart(4, '0')}`);
const sorted = a => [...a].sort();

// One remoting request by hand: the library can neither make a topic nor send to one that isn't there yet.
// By [user, secret] it is signed.
function ask(addr, code, fields = {}, signer = null) {
  const extFields = signer ? { ...fields, AccessKey: signer[0] } : fields;
  if (signer) {
    const text = Object.keys(extFields).sort().map(k => extFields[k]).join('');
    extFields.Signature = crypto.createHmac('sha1', signer[1]).update(text).digest('base64');
  }
  return new Promise((done, failed) => {
    const [ host, port ] = addr.split(':');
    const h = Buffer.from(JSON.stringify({ code, extFields, flag: 0, language: 'OTHER', opaque: 1, version: 317 }));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4 + h.length, 0);
    head.writeUInt32BE(h.length, 4);
    const s = net.connect(Number(port), host, () => s.write(Buffer.concat([ head, h ])));
    let got = Buffer.alloc(0);
    s.on('error', failed);
    s.on('data', data => {
      got = Buffer.concat([ got, data ]);
      if (got.length < 8 || got.length < 4 + got.readUInt32BE(0)) return;
      s.destroy();
      const n = got.readUInt32BE(4) & 0xffffff, answer = JSON.parse(got.subarray(8, 8 + n));
      if (answer.code !== 0) return failed(new Error(`code ${answer.code}: ${answer.remark}`));
      done(got.subarray(8 + n).toString());
    });
  });
}

class Taken {
  constructor() {
    this.all = [];
  }

  bodies() {
    return this.all.map(m => m.body.toString());
  }

  async exactly(want, limitMs = 40000) {
    await wait(`all messages (${want.length})`, limitMs, () => this.all.length >= want.length);
    await sleep(QUIET_MS);
    equal(sorted(this.bodies()), sorted(want), 'what came');
  }
}

const by = (user, secret) => ({ accessKeyId: user, accessKeySecret: secret });

async function signed(c, user, secret) {
  const p = await c.newProducer(by(user, secret)), end = c.ends.pop();
  c.ends.push(() => end().catch(e => console.error('its farewell is refused, too', e)));
  return p;
}

async function sends(p, topic) {
  try {
    await p.send(new ons.Message(topic, '', 'refused'));
  } catch (e) {
    return false;
  }
  return true;
}

// The file of accounts is another one, while clients are connected.
async function plainReload(c) {
  const [ comes, goes ] = [ await signed(c, 'comes-key', 'comes-key-secret'), await signed(c, 'goes-key', 'goes-key-secret') ];
  check(await sends(goes, c.topic()) && !await sends(comes, c.topic()), 'as the first accounts say');
  await c.ask('@accounts later');
  try {
    await wait('the other accounts', 30000, () => sends(comes, c.topic()));
    check(!await sends(goes, c.topic()), 'goes-key is gone');
    check(await sends(c.p, c.topic()), 'works-key stays');
  } finally {
    await c.ask('@accounts first');
  }
  await wait('the first accounts', 30000, () => sends(goes, c.topic()));
  check(!await sends(comes, c.topic()), 'comes-key is gone');
}

class Ctx {
  constructor(addr, work, unique, ask) {
    Object.assign(this, { addr, work, unique: unique.replace(/\./g, '-'), ask, n: 0, ends: [] });
  }

  topic(s = 't') {
    return `${this.unique}_${s}`;
  }

  group(s) {
    return `g_${this.unique}_${s}`;
  }

  // The library asks an HTTP server for the name server's address; one that is told needs no such server.
  options(more) {
    return {
      nameSrv: this.addr, httpclient: { request: () => { throw new Error('no HTTP here'); } },
      accessKeyId: 'key', accessKeySecret: 'secret', clientIP: '127.0.0.1',
      instanceName: `${this.unique}-${++this.n}`, heartbeatBrokerInterval: 2000, rebalanceInterval: 3000,
      pollNameServerInteval: 3000, logger: console, ...more,
    };
  }

  async newProducer(more) {
    const p = new ons.Producer(this.options({ producerGroup: this.group('p'), ...more }));
    p.on('error', e => console.error('producer', e));
    await p.ready();
    this.ends.push(async () => {
      await p.close();
      // the library goes on looking for routes, and a closed one has no listeners: a name
      // server that is being restarted would end the process
      p.on('error', e => console.error('closed producer', e));
    });
    return p;
  }

  async producer() {
    this.p = this.p || await this.newProducer();
    return this.p;
  }

  async send(topic, body, tags, more) {
    const m = new ons.Message(topic, tags || '', body);
    if (more) more(m);
    const r = await (await this.producer()).send(m);
    equal(r.sendStatus, 'SEND_OK', 'status of a send');
    return r;
  }

  async make(topic, queues = 4) {
    if (!this.broker) {
      // {"brokerAddrs":{0:"HOST:PORT"}}, which is not quite JSON
      this.broker = /"brokerAddrs":\{"?0"?:"([^"]+)"/.exec(await ask(this.addr, 106, {}, this.signer))[1];
    }
    await ask(this.broker, 17, { topic, defaultTopic: 'TBW102', readQueueNums: `${queues}`, writeQueueNums: `${queues}`,
      perm: '6', topicFilterType: 'SINGLE_TAG', topicSysFlag: '0', order: 'false' }, this.signer);
  }

  create(topic) {
    return this.send(topic, FIRST, 'first');
  }

  async take(group, topic, expr = '*', more = {}, handler = null) {
    const c = new ons.Consumer(this.options({
      consumerGroup: group, consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET', ...more }));
    c.on('error', e => console.error('consumer', e));
    const t = new Taken();
    t.consumer = c;
    c.subscribe(topic, expr, handler || (async m => { t.all.push(m); }));
    await c.ready();
    let open = true;
    t.close = async () => { if (open) { open = false; await c.close(); } };
    this.ends.push(t.close);
    return t;
  }

  async close() {
    for (const f of this.ends.reverse()) await f();
    this.ends = [];
  }
}

const all = {
  async connect(c) {
    await c.create(c.topic());
    await (await c.take(c.group('g'), c.topic())).exactly([ FIRST ]);
    let refused = false;
    try {
      await c.send('a b', 'x');
    } catch (e) {
      refused = true;
    }
    check(refused, 'a name with a blank was taken');
  },

  async send(c) {
    const sent = {};
    for (let i = 0; i < 30; i++) {
      sent[`m${i}`] = await c.send(c.topic(), `m${i}`, `tag${i % 2}`, m => {
        m.keys = [ `key${i}`, 'all' ];
        m.flag = i;
        m.properties.a = `\u00e4 ${i}`;
      });
    }
    const big = 'x'.repeat(100000);
    await c.send(c.topic(), big);
    const t = await c.take(c.group('g'), c.topic());
    await t.exactly([ ...Object.keys(sent), big ]);
    for (const m of t.all) {
      equal(m.topic, c.topic(), 'topic');
      const b = m.body.toString(), i = Number(b.slice(1)), r = sent[b];
      if (b === big) continue;
      equal([ m.tags, m.keys, m.flag, m.properties.a ], [ `tag${i % 2}`, `key${i} all`, i, `\u00e4 ${i}` ], 'fields');
      equal([ m.queueId, Number(m.queueOffset) ], [ Number(r.messageQueue.queueId), Number(r.queueOffset) ], 'queue and offset');
    }
  },

  async async(c) {
    await c.create(c.topic());
    const r = await Promise.all(names('m', 100).map(n => c.send(c.topic(), n)));
    equal(new Set(r.map(x => x.msgId)).size, 100, 'different ids');
    await (await c.take(c.group('g'), c.topic())).exactly([ FIRST, ...names('m', 100) ]);
  },

  async push(c) {
    await c.create(c.topic());
    const a = names('a', 200), b = names('b', 200), d = names('d', 20);
    for (const n of a) await c.send(c.topic(), n);
    const t = await c.take(c.group('g'), c.topic());
    await t.exactly([ FIRST, ...a ]);
    for (const n of b) await c.send(c.topic(), n);
    await t.exactly([ FIRST, ...a, ...b ]);
    await t.close();        // stores its offsets
    for (const n of d) await c.send(c.topic(), n);
    await (await c.take(c.group('g'), c.topic())).exactly(d);
  },

  async broadcast(c) {
    await c.create(c.topic());
    const two = [];
    for (let i = 0; i < 2; i++) two.push(await c.take(c.group('g'), c.topic(), '*', { isBroadcast: true }));
    for (const n of names('m', 50)) await c.send(c.topic(), n);
    for (const t of two) await wait('all messages', 30000, () => names('m', 50).every(n => t.bodies().includes(n)));
  },

  async rebalance(c) {
    await c.create(c.topic());
    const one = await c.take(c.group('g'), c.topic()), two = await c.take(c.group('g'), c.topic());
    let n = 0;
    const seen = () => new Set([ ...one.bodies(), ...two.bodies() ]).size;
    await wait('half of the messages at each', 60000, async () => {
      const was = [ one.all.length, two.all.length ];
      for (const k of names(`m${n++}`, 40)) await c.send(c.topic(), k);
      await wait('all messages', 20000, () => seen() === 1 + 40 * n);
      return one.all.length - was[0] === 20 && two.all.length - was[1] === 20;
    });
    await one.close();
    for (const k of names('last', 40)) await c.send(c.topic(), k);
    await wait('all messages at the one that is left', 30000, () => names('last', 40).every(k => two.bodies().includes(k)));
  },

  async tags(c) {
    for (let i = 0; i < 60; i++) {
      const x = 'abc'[i % 3];
      await c.send(c.topic(), `${x}-${String(Math.floor(i / 3)).padStart(4, '0')}`, x);
    }
    await (await c.take(c.group('a'), c.topic(), 'a')).exactly(names('a', 20));
    await (await c.take(c.group('ac'), c.topic(), 'a || c')).exactly([ ...names('a', 20), ...names('c', 20) ]);
  },

  async sql92(c) {
    const m = names('m', 40);
    for (let i = 0; i < 40; i++) {
      await c.send(c.topic(), m[i], 'x', x => { x.properties.n = String(i); });
    }
    const t = await c.take(c.group('g'), c.topic(), { expressionType: 'SQL92', subString: 'n BETWEEN 10 AND 19' });
    await t.exactly(m.slice(10, 20));
  },

  async 'from-first'(c) {
    for (const n of names('m', 20)) await c.send(c.topic(), n);
    await (await c.take(c.group('g'), c.topic())).exactly(names('m', 20));
  },

  async 'from-last'(c) {
    for (const n of names('m', 20)) await c.send(c.topic(), n);
    await (await c.take(c.group('g'), c.topic(), '*', { consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' }))
      .exactly(names('m', 20));
  },

  // A group that is new to a young topic may start at 0, whatever it asks for.
  async 'from-time'(c) {
    for (const n of names('old', 20)) await c.send(c.topic(), n);
    await sleep(2100);      // the client's clock has seconds
    const d = new Date(), two = n => String(n).padStart(2, '0');
    const at = [ d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds() ].map(two);
    for (const n of names('new', 20)) await c.send(c.topic(), n);
    const t = await c.take(c.group('g'), c.topic(), '*',
      { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestamp: at.join('') });
    await wait('the new ones', 30000, () => names('new', 20).every(n => t.bodies().includes(n)));
  },

  async 'dead-letter'(c) {
    await c.create(c.topic());
    const times = [];
    await c.take(c.group('g'), c.topic(), '*', { maxReconsumeTimes: 1 }, async m => {
      if (m.body.toString() !== 'dead') return;
      times.push(m.reconsumeTimes);
      throw new Error('never');
    });
    await c.send(c.topic(), 'dead', 'tag');
    await wait('both attempts', 60000, () => times.length === 2);
    const dlq = await c.take(c.group('dead'), '%DLQ%' + c.group('g'));
    await dlq.exactly([ 'dead' ]);
    equal(times, [ 0, 1 ], 'attempts');
  },

  async retry(c) {
    await c.create(c.topic());
    const times = [], topics = new Set();
    await c.take(c.group('g'), c.topic(), '*', {}, async m => {
      if (m.body.toString() !== 'bad') return;
      times.push(m.reconsumeTimes);
      topics.add(m.topic + ' ' + m.tags);
      if (m.reconsumeTimes === 0) throw new Error('not now');
    });
    await c.send(c.topic(), 'bad', 'tag');
    await wait('the second attempt', 60000, () => times.length === 2);
    equal(times, [ 0, 1 ], 'attempts');
  },

  async delay(c) {
    await c.create(c.topic());
    const t = await c.take(c.group('g'), c.topic());
    for (const level of [ 2, 1 ]) await c.send(c.topic(), String(level), '', m => { m.delayTimeLevel = level; });
    await t.exactly([ FIRST, '1', '2' ]);
    for (const m of t.all) {
      const b = m.body.toString();
      if (b === FIRST) continue;
      const late = Number(m.storeTimestamp) - Number(m.bornTimestamp) - { 1: 1000, 2: 5000 }[b];
      check(late > -50 && late < 3000, `level ${b} was late by ${late} ms`);
    }
  },

  async 'deliver-time'(c) {
    await c.create(c.topic());
    const t = await c.take(c.group('g'), c.topic());
    await c.send(c.topic(), 'late', '', m => m.setStartDeliverTime(Date.now() + 3000));
    await c.send(c.topic(), 'soon');
    await t.exactly([ FIRST, 'late', 'soon' ]);
    check(t.bodies().pop() === 'late', 'not delayed');
  },

  async 'compress-zlib'(c) {
    const big = 'compress me '.repeat(3000);
    await c.send(c.topic(), big);
    const t = await c.take(c.group('g'), c.topic());
    await t.exactly([ big ]);
    check(Number(t.all[0].storeSize) < big.length / 2, 'not compressed');
  },

  async namespace(c) {
    const ns = 'ns-' + c.unique.slice(-12), t = c.topic();
    await c.make(`${ns}%${t}`);
    const p = await c.newProducer({ namespace: ns, producerGroup: c.group('in') });
    await p.send(new ons.Message(t, '', 'inside'));
    await c.send(t, 'outside');
    const inside = await c.take(c.group('g'), t, '*', { namespace: ns });
    const outside = await c.take(c.group('g'), t);
    await inside.exactly([ 'inside' ]);
    await outside.exactly([ 'outside' ]);
  },

  'restart-term': c => restart(c, 'TERM'),
  'restart-kill': c => restart(c, 'KILL'),

  // The users are those of harness/profiles.py. The library doesn't tell why a broker refused a send.
  async acl(c) {
    const take = user => c.take(c.group(user), c.topic(), '*', by(user, user + '-secret'));
    const bodies = names('m', 50);
    c.p = await c.newProducer(by('works', 'works-secret'));
    for (const b of bodies) await c.send(c.topic(), b);
    const t = await take('works');
    await t.exactly(bodies);
    await (await take('reads')).exactly(bodies);
    for (const [ user, secret ] of [
      [ 'works', 'wrong' ], [ 'none', 'none' ], [ 'nobody', 'nobody-secret' ], [ 'reads', 'reads-secret' ] ]) {
      check(!await sends(await signed(c, user, secret), c.topic()), `a send of ${user} was taken`);
    }
    let refusal = '';
    await take('nobody').catch(e => { refusal = String(e); });
    check(refusal.includes('no matched policies.'), 'not refused: ' + refusal);
    await c.send(c.topic(), 'after all');
    await t.exactly([ ...bodies, 'after all' ]);
  },

  // ACL 1.0, with the accounts of harness/profiles.py.
  async 'plain-acl'(c) {
    const take = user => c.take(c.group(user), c.topic(), '*', by(user, user + '-secret'));
    const bodies = names('m', 50);
    c.p = await c.newProducer(by('works-key', 'works-key-secret'));
    for (const b of bodies) await c.send(c.topic(), b);
    await (await take('works-key')).exactly(bodies);
    await (await take('reads-key')).exactly(bodies);
    for (const [ user, secret ] of [
      [ 'works-key', 'wrong' ], [ 'no-such-key', 'none' ], [ 'reads-key', 'reads-key-secret' ] ]) {
      check(!await sends(await signed(c, user, secret), c.topic()), `a send of ${user} was taken`);
    }
    check(!await sends(c.p, 'denied-topic'), 'a denied topic was taken');
    check(await sends(await signed(c, 'white-key', 'known by its address'), c.topic()), 'not known by its address');
    await plainReload(c);
  },
};

async function restart(c, sig) {
  await c.create(c.topic());
  const t = await c.take(c.group('g'), c.topic());
  const sent = [];
  let stop = false;
  const sender = (async () => {
    for (let i = 0; !stop; i++) {
      const n = names('m', 1)[0] + `-${i}`;
      try {
        await c.send(c.topic(), n);
        sent.push(n);
      } catch (e) {
        // not acknowledged: it may be there, or not
      }
      await sleep(2);
    }
  })();
  try {
    await wait('a start', 40000, () => sent.length >= 300 && t.all.length >= 300);
    await c.ask('@restart ' + sig);
    const was = sent.length;
    await wait('sends after the restart', 60000, () => sent.length >= was + 300);
  } finally {
    stop = true;
    await sender;
  }
  await wait('all that was acknowledged', 60000, () => {
    const there = new Set(t.bodies());
    return sent.every(n => there.has(n));
  });
}

async function main() {
  // what the library logs goes to the log
  console.log = console.info = console.warn = console.debug = console.error;
  process.chdir(path.resolve(process.argv[3]));
  const say = line => process.stdout.write(line + '\n');
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const tell = async line => {
    say(line);
    const answer = (await lines.next()).value;
    check(answer === 'ok', answer || 'the driver is gone');
  };
  for (let line; !(line = await lines.next()).done;) {
    const [ , name, unique ] = line.value.split(' ');
    try {
      check(all[name], 'no such scenario in this suite');
      const c = new Ctx(process.argv[2], process.argv[3], unique, tell);
      if (name === 'acl') c.signer = [ 'root', 'root-secret' ];
      if (name === 'plain-acl') c.signer = [ 'admin-key', 'admin-key-secret' ];
      await c.make(c.topic());
      await all[name](c);
      await c.close();
      say('@pass');
    } catch (e) {
      console.error(e);
      say('@fail ' + String(e).replace(/\s+/g, ' '));
    }
  }
  process.exit(0);
}

process.on('unhandledRejection', e => console.error('unhandled', e));
main();
