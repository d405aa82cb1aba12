// SPDX-License-Identifier: Apache-2.0
'use strict'

// KafkaJS: one JSON argument in, one JSON line out.

const fs = require('fs')
const { Kafka, logLevel } = require('kafkajs')
const { version } = require('kafkajs/package.json')

const given = JSON.parse(process.argv[2])
const COUNT = 5
const LIMIT_MS = 25000

const say = line => {
  process.stdout.write(JSON.stringify({ version, ...line }) + '\n', () => process.exit(0))
}

function sasl () {
  if (!given.protocol.startsWith('SASL')) return undefined
  if (given.mechanism === 'GSSAPI') return null
  if (given.mechanism === 'OAUTHBEARER') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: given.token }) }
  }
  return {
    mechanism: given.mechanism.toLowerCase(), username: given.username, password: given.password
  }
}

async function hold () {
  const kafka = new Kafka({
    clientId: 'hello',
    brokers: given.bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    ssl: given.protocol.endsWith('SSL') && {
      ca: [fs.readFileSync(given.ca, 'utf-8')],
      ...(given.certificate && {
        cert: fs.readFileSync(given.certificate, 'utf-8'), key: fs.readFileSync(given.key, 'utf-8')
      })
    },
    sasl: sasl(),
    retry: { retries: 3, initialRetryTime: 100 }
  })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({
    topic: given.topic,
    acks: -1,
    messages: [...Array(COUNT).keys()].map(i => ({ value: String(i), partition: 0 }))
  })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: given.group })
  await consumer.connect()
  await consumer.subscribe({ topics: [given.topic], fromBeginning: true })
  const received = []
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
    consumer.run({
      eachMessage: async ({ message }) => {
        received.push(message.value.toString())
        if (received.length === COUNT) resolve()
      }
    }).catch(reject)
  })
  return received
}

if (sasl() === null) {
  say({ absent: 'it has no Kerberos' })
} else {
  setTimeout(() => say({ ok: false, error: `not within ${LIMIT_MS} ms` }), LIMIT_MS)
  hold().then(received => {
    const ok = received.sort().join() === [...Array(COUNT).keys()].join()
    say(ok ? { ok, received: received.length } : { ok, error: `received ${received}` })
  }, error => say({ ok: false, error: `${error.name}: ${error.message}` }))
}
