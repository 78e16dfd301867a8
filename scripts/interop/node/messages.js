// Publishing, consuming, settling, confirming.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { connect, channel, publisher, put, drain, consume, unique, sha256, url } = require('./client');

module.exports = {
  async 'prefetch, ack, nack and reject'() {
    const conn = await connect();
    const [pub, ch] = [await publisher(conn), await channel(conn)];
    const { queue } = await pub.assertQueue('', { exclusive: true });
    await ch.prefetch(2);
    const c = await consume(ch, queue, { consumerTag: 'tag' });
    assert.equal(c.consumerTag, 'tag');
    await put(pub, '', queue, '0', '1', '2', '3');
    assert.equal((await pub.checkQueue(queue)).messageCount, 2);
    const [first, second] = [await c.next(), await c.next()];
    assert.deepEqual([first.content.toString(), second.content.toString()], ['0', '1']);
    assert.deepEqual(first.fields, { consumerTag: 'tag', deliveryTag: 1, redelivered: false, exchange: '', routingKey: queue });
    ch.nack(first, false, true);
    const again = await c.next();
    assert.equal(again.content.toString(), '0');
    assert.equal(again.fields.redelivered, true);
    assert.equal(again.fields.deliveryTag, 3);
    ch.reject(second, false);
    const third = await c.next();
    assert.equal(third.content.toString(), '2');
    ch.ack(third, true); // and what came before it
    assert.equal((await c.next()).content.toString(), '3');
    await ch.cancel('tag');
    await ch.close(); // gives back the last
    const m = await pub.get(queue);
    assert.equal(m.content.toString(), '3');
    assert.equal(m.fields.redelivered, true);
    pub.ackAll();
    assert.equal((await pub.checkQueue(queue)).messageCount, 0);
    await conn.close();
  },

  async 'prefetch of a channel'() {
    const conn = await connect();
    const [pub, ch] = [await publisher(conn), await channel(conn)];
    const { queue } = await pub.assertQueue('', { exclusive: true });
    await ch.prefetch(3, true);
    const [a, b] = [await consume(ch, queue), await consume(ch, queue)];
    await put(pub, '', queue, '0', '1', '2', '3', '4');
    assert.equal((await pub.checkQueue(queue)).messageCount, 2);
    assert.equal((await a.next()).content.toString(), '0');
    assert.equal((await b.next()).content.toString(), '1');
    await conn.close();
  },

  async 'get, and requeue in order'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    assert.equal(await ch.get(queue), false);
    await put(ch, '', queue, '0', '1', '2', '3');
    const [first, second] = [await ch.get(queue), await ch.get(queue)];
    assert.equal(first.fields.messageCount, 3);
    ch.nack(second);
    ch.nack(first);
    assert.deepEqual(await drain(ch, queue), ['0', '1', '2', '3']);
    await put(ch, '', queue, '0', '1', '2');
    for (let i = 0; i < 3; i++) await ch.get(queue);
    await ch.recover();
    assert.equal((await ch.get(queue)).fields.redelivered, true);
    ch.nackAll(true);
    assert.deepEqual(await drain(ch, queue), ['0', '1', '2']);
    await conn.close();
  },

  async 'returns come before confirms'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const returns = [];
    ch.on('return', (m) => returns.push(m));
    await put(ch, '', unique(), 'dropped', ['returned', { mandatory: true, messageId: 'id' }]);
    assert.equal(returns.length, 1);
    assert.equal(returns[0].content.toString(), 'returned');
    assert.equal(returns[0].fields.replyCode, 312);
    assert.equal(returns[0].fields.replyText, 'NO_ROUTE');
    assert.equal(returns[0].properties.messageId, 'id');
    await conn.close();
  },

  async 'many confirms'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    let confirmed = 0;
    for (let i = 0; i < 5000; i++) {
      ch.sendToQueue(queue, Buffer.from(`${i}`), { persistent: i % 2 === 0 }, (err) => {
        assert.equal(err, null);
        confirmed++;
      });
    }
    await ch.waitForConfirms();
    assert.equal(confirmed, 5000);
    assert.equal((await ch.purgeQueue(queue)).messageCount, 5000);
    await conn.close();
  },

  async 'bodies of all sizes'() {
    const conn = await connect({ search: '?frameMax=4096' });
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const c = await consume(ch, queue, { noAck: true });
    for (const size of [0, 1, 4087, 4088, 4089, 4095, 4096, 12264, 100_000, 16 << 20]) {
      const body = crypto.randomBytes(size);
      await put(ch, '', queue, body);
      const m = await c.next();
      assert.equal(m.content.length, size);
      assert.equal(sha256(m.content), sha256(body), `body of ${size} bytes`);
    }
    await conn.close();
  },

  async 'properties and headers'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const headers = {
      string: 'текст', empty: '', yes: true, no: false, nothing: undefined, small: 1, big: 2 ** 40, negative: -5, float: 1.25,
      bytes: Buffer.from([0, 1, 206, 255]), list: [1, 'two', [true], { three: 3 }], table: { deep: { er: 'x' } },
    };
    const typed = {
      int8: { '!': 'int8', value: -8 }, int16: { '!': 'int16', value: -300 }, int32: { '!': 'int32', value: -70000 },
      int64: { '!': 'int64', value: 2 ** 50 }, uint8: { '!': 'uint8', value: 200 }, ushort: { '!': 'uint16', value: 65535 },
      uint: { '!': 'uint32', value: 4294967295 }, float: { '!': 'float', value: 0.5 }, double: { '!': 'double', value: 0.1 },
      timestamp: { '!': 'timestamp', value: 1700000000 }, decimal: { '!': 'decimal', value: { digits: 1234, places: 2 } },
    };
    const options = {
      headers: { ...headers, typed }, contentType: 'text/plain', contentEncoding: 'utf-8', persistent: true, priority: 5,
      correlationId: 'correlation', replyTo: 'reply', messageId: 'message', timestamp: 1700000000, type: 'type',
      userId: url.username || 'guest', appId: 'app',
    };
    await put(ch, '', queue, ['all', options], ['none', {}]);
    const { properties } = await ch.get(queue, { noAck: true });
    const { nothing, ...sent } = headers; // amqplib leaves out what is undefined
    const { typed: came, ...plain } = properties.headers;
    assert.deepEqual({ ...plain }, sent);
    for (const [name, { value }] of Object.entries(typed)) {
      const got = came[name]?.['!'] ? came[name].value : came[name];
      assert.deepEqual(got, value, name);
    }
    for (const key of Object.keys(options)) {
      if (key !== 'headers' && key !== 'persistent') assert.equal(properties[key], options[key], key);
    }
    assert.equal(properties.deliveryMode, 2);
    const none = (await ch.get(queue, { noAck: true })).properties;
    for (const key of ['contentType', 'correlationId', 'messageId', 'timestamp', 'userId', 'expiration', 'clusterId']) {
      assert.equal(none[key], undefined, key);
    }
    await conn.close();
  },

  async 'fair turns'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const [a, b] = [await consume(ch, queue, { noAck: true }), await consume(ch, queue, { noAck: true })];
    await put(ch, '', queue, '0', '1', '2', '3');
    const bodies = async (c) => [(await c.next()).content.toString(), (await c.next()).content.toString()];
    assert.deepEqual(await bodies(a), ['0', '2']);
    assert.deepEqual(await bodies(b), ['1', '3']);
    await conn.close();
  },
};
