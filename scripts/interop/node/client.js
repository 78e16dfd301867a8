// What every step needs of a client.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const amqp = require('amqplib');

const url = new URL(process.argv[2] ?? 'amqp://guest:guest@127.0.0.1:5672/');
const prefix = `interop.node.${process.pid}.${Date.now()}`;

let serial = 0;
const unique = () => `${prefix}.${++serial}`;
const sha256 = (b) => crypto.createHash('sha256').update(b).digest('hex');

// with returns the broker's URL with changes.
function broker(changes) {
  const u = new URL(url);
  Object.assign(u, changes);
  return u.href;
}

// connect collects what ends the connection in conn.errors.
async function connect(changes) {
  const conn = await amqp.connect(broker(changes));
  conn.errors = [];
  conn.on('error', (e) => conn.errors.push(e));
  return conn;
}

// closing waits for the end of a connection or channel, with or without an error.
const closing = (emitter) => new Promise((resolve) => emitter.on('close', resolve));

async function channel(conn, create = 'createChannel') {
  const ch = await conn[create]();
  ch.errors = [];
  ch.on('error', (e) => ch.errors.push(e));
  return ch;
}

const publisher = (conn) => channel(conn, 'createConfirmChannel');

// put publishes bodies and waits until the broker has them.
async function put(ch, exchange, key, ...messages) {
  for (const m of messages) {
    const [body, options] = Array.isArray(m) ? m : [m, {}];
    ch.publish(exchange, key, Buffer.from(body), options);
  }
  await ch.waitForConfirms();
}

// drain fetches all that is ready in a queue.
async function drain(ch, queue) {
  const bodies = [];
  for (let m = await ch.get(queue, { noAck: true }); m; m = await ch.get(queue, { noAck: true })) {
    bodies.push(m.content.toString());
  }
  return bodies;
}

// consume hands out a consumer's deliveries one by one: await next().
async function consume(ch, queue, options) {
  const inbox = [];
  const bell = new EventEmitter();
  const { consumerTag } = await ch.consume(queue, (m) => { inbox.push(m); bell.emit('ring'); }, options);
  const next = async () => {
    while (inbox.length === 0) await once(bell, 'ring');
    return inbox.shift();
  };
  return { consumerTag, inbox, next };
}

// refused asserts the broker's reply code and text.
async function refused(promise, code, text) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.code, code);
    assert.ok(e.message.includes(text), `${e.message}\nshould include\n${text}`);
    return true;
  });
}

module.exports = { url, unique, sha256, connect, channel, publisher, closing, put, drain, consume, refused };
