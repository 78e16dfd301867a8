// What RabbitMQ adds to the specification. amqplib has no transactions.
'use strict';

const assert = require('node:assert/strict');
const { connect, channel, publisher, put, drain, consume, refused, unique } = require('./client');

const replyTo = 'amq.rabbitmq.reply-to';

module.exports = {
  async 'bindings of exchanges'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const [source, middle] = [unique(), unique()];
    await ch.assertExchange(source, 'headers', { durable: false });
    await ch.assertExchange(middle, 'fanout', { durable: false, autoDelete: true });
    await ch.bindExchange(middle, source, '', { 'x-match': 'any', n: 1 });
    await ch.bindQueue(queue, middle, '');
    await put(ch, source, '', ['0', { headers: { n: 1 } }], ['lost', { headers: { n: 2 } }]);
    await put(ch, middle, '', '1');
    assert.deepEqual(await drain(ch, queue), ['0', '1']);
    await refused((await channel(conn)).deleteExchange(source, { ifUnused: true }), 406, `PRECONDITION_FAILED - exchange '${source}' in vhost '/' in use`);
    await ch.unbindExchange(middle, source, '', { 'x-match': 'any', n: 1 });
    await put(ch, source, '', ['lost', { headers: { n: 1 } }]);
    assert.deepEqual(await drain(ch, queue), []);
    await ch.unbindQueue(queue, middle, ''); // its last binding
    await refused((await channel(conn)).bindExchange(middle, source, ''), 404, `NOT_FOUND - no exchange '${middle}' in vhost '/'`);
    await ch.deleteExchange(source);
    await conn.close();
  },

  async 'alternate exchanges'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const [main, spare] = [unique(), unique()];
    await ch.assertExchange(spare, 'fanout', { durable: false });
    await ch.assertExchange(main, 'direct', { durable: false, alternateExchange: spare });
    await ch.bindQueue(queue, spare, '');
    const returned = [];
    ch.on('return', (m) => returned.push(m.content.toString()));
    await put(ch, main, 'nowhere', ['0', { mandatory: true }]);
    assert.deepEqual(await drain(ch, queue), ['0']);
    await refused((await channel(conn)).assertExchange(main, 'direct', { durable: false }), 406,
      `PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '${main}' in vhost '/': received none but current is the value '${spare}' of type 'longstr'`);
    await ch.deleteExchange(spare);
    await put(ch, main, 'nowhere', ['1', { mandatory: true }]);
    assert.deepEqual(returned, ['1']);
    await ch.deleteExchange(main);
    await conn.close();
  },

  async 'copies by CC and BCC'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const queues = [];
    for (let i = 0; i < 3; i++) queues.push((await ch.assertQueue('', { exclusive: true })).queue);
    const [to, cc, bcc] = queues;
    await put(ch, '', to, ['x', { CC: [cc, to], BCC: [bcc], headers: { more: 1 } }]);
    for (const queue of queues) {
      const m = await ch.get(queue, { noAck: true });
      assert.equal(m.fields.routingKey, to);
      assert.deepEqual(m.properties.headers, { CC: [cc, to], more: 1 });
      assert.equal(await ch.get(queue), false);
    }
    await conn.close();
  },

  async 'direct reply-to'() {
    const [conn, serving] = [await connect(), await connect()];
    const [client, server] = [await channel(conn), await channel(serving)];
    const queue = unique();
    await server.assertQueue(queue, { autoDelete: true, durable: false });
    await server.consume(queue, ({ content, properties }) => {
      assert.ok(properties.replyTo.startsWith(`${replyTo}.`), properties.replyTo);
      server.sendToQueue(properties.replyTo, Buffer.from(`re: ${content}`), { correlationId: properties.correlationId });
    }, { noAck: true });
    const replies = await consume(client, replyTo, { noAck: true });
    for (const id of ['0', '1', '2']) {
      client.sendToQueue(queue, Buffer.from('question'), { replyTo, correlationId: id });
      const m = await replies.next();
      assert.deepEqual([m.content.toString(), m.properties.correlationId], ['re: question', id]);
    }
    await refused((await channel(conn)).consume(replyTo, () => {}), 406, 'PRECONDITION_FAILED - reply consumer cannot acknowledge');
    await refused(client.consume(replyTo, () => {}, { noAck: true }), 406, 'PRECONDITION_FAILED - reply consumer already set');
    await conn.close();
    await serving.close();
  },

  async 'priorities of consumers, a single active one'() {
    const conn = await connect();
    const ch = await publisher(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const low = await consume(ch, queue, { noAck: true, priority: -1 });
    const high = await consume(ch, queue, { noAck: true, priority: 10 });
    await put(ch, '', queue, '0', '1');
    for (const body of ['0', '1']) assert.equal((await high.next()).content.toString(), body);
    await ch.cancel(high.consumerTag);
    await put(ch, '', queue, '2');
    assert.equal((await low.next()).content.toString(), '2');
    const single = (await ch.assertQueue('', { exclusive: true, arguments: { 'x-single-active-consumer': true } })).queue;
    const [first, second] = [await consume(ch, single, { noAck: true }), await consume(ch, single, { noAck: true })];
    await put(ch, '', single, '0', '1');
    for (const body of ['0', '1']) assert.equal((await first.next()).content.toString(), body);
    await ch.cancel(first.consumerTag);
    await put(ch, '', single, '2');
    assert.equal((await second.next()).content.toString(), '2');
    await conn.close();
  },

  async 'blocked and unblocked can be listened for'() {
    const conn = await connect();
    const heard = [];
    conn.on('blocked', (reason) => heard.push(reason));
    conn.on('unblocked', () => heard.push('unblocked'));
    const ch = await publisher(conn);
    await put(ch, '', (await ch.assertQueue('', { exclusive: true })).queue, 'x');
    assert.deepEqual(heard, []);
    await conn.close();
  },

  async 'arguments of queues'() {
    const conn = await connect();
    const ch = await channel(conn);
    const name = unique();
    const options = {
      exclusive: true, messageTtl: 3_600_000, expires: 3_600_000, deadLetterExchange: 'amq.fanout', deadLetterRoutingKey: 'key',
      maxLength: 10, maxPriority: 5, overflow: 'reject-publish', queueMode: 'lazy', arguments: { 'x-queue-type': 'classic', 'x-other': 'of a user' },
    };
    await ch.assertQueue(name, options);
    await ch.assertQueue(name, options);
    await refused((await channel(conn)).assertQueue(name, { ...options, maxLength: 11 }), 406,
      `PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '${name}' in vhost '/': received '11' but current is '10'`);
    for (const [key, value, reason] of [
      ['x-message-ttl', '5', '"expected integer, got longstr"'], ['x-message-ttl', -1, '{value_negative,-1}'],
      ['x-expires', 0, '{value_zero,0}'], ['x-max-priority', 256, '{max_value_exceeded,256}'],
      ['x-overflow', 'nosuch', 'invalid_overflow'], ['x-queue-type', 'nosuch', '"unsupported queue type \'nosuch\'"'],
      ['x-dead-letter-routing-key', 'key', 'routing_key_but_no_dlx_defined'],
      ['x-single-active-consumer', 1, '{unacceptable_type,'],
    ]) {
      const bad = unique();
      await refused((await channel(conn)).assertQueue(bad, { exclusive: true, arguments: { [key]: value } }), 406,
        `PRECONDITION_FAILED - invalid arg '${key}' for queue '${bad}' in vhost '/': ${reason}`);
    }
    await conn.close();
  },
};
