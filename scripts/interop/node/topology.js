// Exchanges, queues and bindings.
'use strict';

const assert = require('node:assert/strict');
const { connect, channel, publisher, put, drain, consume, refused, unique } = require('./client');

module.exports = {
  async 'routing by four exchange types'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const cases = {
      direct: { keys: ['a', 'a.b', 'b'], bindings: { a: ['a'], 'a.b': ['a.b'] } },
      fanout: { keys: ['a', 'b'], bindings: { '': ['a', 'b'], x: ['a', 'b'] } },
      topic: { keys: ['a', 'a.b', 'a.b.c', 'b'], bindings: { 'a.*': ['a.b'], 'a.#': ['a', 'a.b', 'a.b.c'], '#': ['a', 'a.b', 'a.b.c', 'b'] } },
    };
    for (const [type, { keys, bindings }] of Object.entries(cases)) {
      const { exchange } = await ch.assertExchange(unique(), type, { durable: false });
      await ch.checkExchange(exchange);
      for (const [key, want] of Object.entries(bindings)) {
        const { queue } = await ch.assertQueue('', { exclusive: true });
        await ch.bindQueue(queue, exchange, key);
        await put(ch, exchange, 'a key', '');
        await ch.purgeQueue(queue);
        for (const k of keys) await put(ch, exchange, k, k);
        assert.deepEqual(await drain(ch, queue), want, `${type} ${key}`);
        await ch.unbindQueue(queue, exchange, key);
        await put(ch, exchange, key, 'unroutable');
        assert.deepEqual(await drain(ch, queue), []);
      }
      await ch.deleteExchange(exchange);
    }
    await conn.close();
  },

  async 'routing by headers'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { exchange } = await ch.assertExchange(unique(), 'headers', { autoDelete: true });
    const all = (await ch.assertQueue('', { exclusive: true })).queue;
    const any = (await ch.assertQueue('', { exclusive: true })).queue;
    await ch.bindQueue(all, exchange, '', { 'x-match': 'all', n: 1, s: 'one' });
    await ch.bindQueue(any, exchange, '', { 'x-match': 'any', n: 1, s: 'one' });
    await put(ch, exchange, 'ignored',
      ['both', { headers: { n: 1, s: 'one', more: true } }],
      ['number', { headers: { n: { '!': 'int64', value: 1 } } }],
      ['string', { headers: { n: '1' } }],
      ['none', {}]);
    assert.deepEqual(await drain(ch, all), ['both']);
    assert.deepEqual(await drain(ch, any), ['both', 'number']);
    await conn.close();
  },

  async 'names made by the server'() {
    const conn = await connect();
    const ch = await channel(conn);
    const { queue, messageCount, consumerCount } = await ch.assertQueue('', { exclusive: true });
    assert.match(queue, /^amq\.gen-[\w-]{22}$/);
    assert.deepEqual([messageCount, consumerCount], [0, 0]);
    const { consumerTag } = await ch.consume(queue, () => {});
    assert.match(consumerTag, /^amq\.ctag-[\w-]{22}$/);
    assert.equal((await ch.checkQueue(queue)).consumerCount, 1);
    const other = await connect();
    await refused((await channel(other)).checkQueue(queue), 405, `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'`);
    await conn.close();
    await refused((await channel(other)).checkQueue(queue), 404, `NOT_FOUND - no queue '${queue}' in vhost '/'`);
    await other.close();
  },

  async 'purge, delete, and the end of consumers'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const name = unique();
    await ch.assertQueue(name);
    await put(ch, '', name, '0', '1', '2');
    assert.equal((await ch.purgeQueue(name)).messageCount, 3);
    await put(ch, '', name, '0', '1');
    assert.equal((await ch.deleteQueue(name)).messageCount, 2);
    assert.equal((await ch.deleteQueue(name)).messageCount, 0);
    await ch.assertQueue(name);
    const c = await consume(ch, name);
    await refused((await channel(conn)).deleteQueue(name, { ifUnused: true }), 406, `PRECONDITION_FAILED - queue '${name}' in vhost '/' in use`);
    await ch.deleteQueue(name);
    assert.equal(await c.next(), null); // basic.cancel
    await ch.assertQueue(name, { autoDelete: true });
    await ch.cancel((await ch.consume(name, () => {})).consumerTag);
    await refused((await channel(conn)).checkQueue(name), 404, `NOT_FOUND - no queue '${name}' in vhost '/'`);
    await conn.close();
  },
};
