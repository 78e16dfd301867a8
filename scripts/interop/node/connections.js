// Connections, channels, and the errors that end them.
'use strict';

const assert = require('node:assert/strict');
const { connect, channel, publisher, put, drain, refused, closing, unique } = require('./client');

module.exports = {
  async 'server properties'() {
    const conn = await connect();
    const { serverProperties } = conn.connection;
    assert.equal(serverProperties.product, 'RabbitMQ');
    assert.match(serverProperties.version, /^\d+\.\d+\.\d+$/);
    for (const name of ['publisher_confirms', 'basic.nack', 'consumer_cancel_notify', 'per_consumer_qos']) {
      assert.equal(serverProperties.capabilities[name], true, name);
    }
    await conn.close();
  },

  async 'tuning'() {
    const conn = await connect({ search: '?heartbeat=7&frameMax=8192&channelMax=12' });
    assert.equal(conn.connection.heartbeat, 7);
    assert.equal(conn.connection.frameMax, 8192);
    assert.equal(conn.connection.channelMax, 12);
    const offered = await connect();
    assert.equal(offered.connection.heartbeat, 60);
    assert.equal(offered.connection.frameMax, 131072);
    assert.equal(offered.connection.channelMax, 2047);
    await Promise.all([conn.close(), offered.close()]);
  },

  async 'wrong password'() {
    await assert.rejects(connect({ password: 'wrong' }), /403 .*ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN\. For details see the broker logfile\./);
  },

  async 'unknown vhost'() {
    await assert.rejects(connect({ pathname: '/nope' }), /Expected ConnectionOpenOk; got <ConnectionClose/);
  },

  async 'update-secret'() {
    const conn = await connect();
    await conn.updateSecret(Buffer.from('anything'), 'renewal');
    await conn.close();
  },

  async 'many channels'() {
    const conn = await connect();
    const channels = await Promise.all(Array.from({ length: 500 }, () => publisher(conn)));
    const { queue } = await channels[0].assertQueue('', { exclusive: true });
    await Promise.all(channels.map((ch, i) => put(ch, '', queue, `${i}`)));
    const bodies = await drain(channels[0], queue);
    assert.deepEqual(bodies.map(Number).sort((a, b) => a - b), channels.map((_, i) => i));
    await Promise.all(channels.map((ch) => ch.close()));
    await conn.close();
    assert.deepEqual(conn.errors, []);
  },

  async 'errors end the channel only'() {
    const conn = await connect();
    const admin = await channel(conn);
    const { queue } = await admin.assertQueue('', { exclusive: true });
    const name = unique();
    await admin.assertQueue(name, { durable: true });
    const refusals = [
      [(ch) => ch.checkQueue('nope'), 404, "NOT_FOUND - no queue 'nope' in vhost '/'"],
      [(ch) => ch.checkExchange('nope'), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'"],
      [(ch) => ch.bindQueue(queue, 'nope', ''), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'"],
      [(ch) => ch.consume('nope', () => {}), 404, "NOT_FOUND - no queue 'nope' in vhost '/'"],
      [(ch) => ch.get('nope'), 404, "NOT_FOUND - no queue 'nope' in vhost '/'"],
      [(ch) => ch.purgeQueue('nope'), 404, "NOT_FOUND - no queue 'nope' in vhost '/'"],
      [(ch) => ch.assertQueue(name, { durable: false }), 406, `PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${name}' in vhost '/': received 'false' but current is 'true'`],
      [(ch) => ch.assertQueue(name, { exclusive: true }), 405, `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${name}' in vhost '/'`],
      [(ch) => ch.assertQueue('amq.mine'), 403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"],
      [(ch) => ch.assertExchange('amq.direct', 'fanout'), 406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'fanout' but current is 'direct'"],
      [(ch) => ch.deleteExchange('amq.topic'), 403, "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed"],
    ];
    for (const [call, code, text] of refusals) {
      await refused(call(await channel(conn)), code, text);
    }
    for (const [cause, code, text] of [
      [(ch) => ch.publish('nope', '', Buffer.from('lost')), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'"],
      [(ch) => ch.ack({ fields: { deliveryTag: 7 } }), 406, 'PRECONDITION_FAILED - unknown delivery tag 7'],
    ]) {
      const ch = await channel(conn);
      const closed = closing(ch);
      cause(ch);
      await closed;
      assert.equal(ch.errors[0].code, code);
      assert.ok(ch.errors[0].message.includes(text), ch.errors[0].message);
    }
    await admin.deleteQueue(name);
    assert.deepEqual(conn.errors, []);
    await conn.close();
  },

  async 'a consumer tag used twice ends the connection'() {
    const conn = await connect();
    const ch = await channel(conn);
    const { queue } = await ch.assertQueue('', { exclusive: true });
    const closed = closing(conn);
    await ch.consume(queue, () => {}, { consumerTag: 'tag' });
    ch.consume(queue, () => {}, { consumerTag: 'tag' }).catch(() => {});
    await closed;
    assert.equal(conn.errors[0].code, 530);
    assert.match(conn.errors[0].message, /NOT_ALLOWED - attempt to reuse consumer tag 'tag'/);
  },
};
