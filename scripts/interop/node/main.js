// Runs through a broker's main features with amqplib, and stops at the first
// thing that differs from RabbitMQ.
//
//	NODE_PATH=.../node_modules node main.js amqp://guest:guest@127.0.0.1:5672/
'use strict';

const steps = { ...require('./connections'), ...require('./topology'), ...require('./messages'), ...require('./extensions') };
const patience = 30_000; // ms for one step

async function main() {
  for (const [name, step] of Object.entries(steps)) {
    const watchdog = setTimeout(() => fail(name, new Error(`no answer within ${patience} ms`)), patience);
    await step().catch((e) => fail(name, e));
    clearTimeout(watchdog);
  }
  console.log(`amqplib: ${Object.keys(steps).length} steps passed`);
}

function fail(name, error) {
  console.error(`amqplib differs at "${name}":\n${error.stack ?? error}`);
  process.exit(1);
}

process.on('unhandledRejection', (e) => fail('unhandled rejection', e));
main();
