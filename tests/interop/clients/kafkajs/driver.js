// SPDX-License-Identifier: Apache-2.0
'use strict'

// The twelve conversations, held by KafkaJS: node driver.js BOOTSTRAP PREFIX [CONVERSATION ...]

const crypto = require('crypto')
const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } =
  require('kafkajs')
const lz4 = require('lz4js')
const xxhash = require('lz4js/xxh32.js')
const { ZstdCodec } = require('zstd-codec')

const [bootstrap, prefixOfRun, ...wanted] = process.argv.slice(2)
const BASE_MS = 1700000000000
const DEADLINE_MS = 60000
const kafka = new Kafka({
  clientId: 'talker', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 100, retries: 12, maxRetryTime: 2000 }
})
const admin = kafka.admin()

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
// Kafka takes frames of independent blocks only. One block depends on none, so the flag may be set.
function lz4Frame(bytes) {
  const frame = Buffer.from(lz4.compress(bytes))
  frame[4] |= 0x20
  frame[6] = (xxhash.hash(0, frame, 4, 2) >> 8) & 0xff
  return frame
}

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4Frame(encoder.buffer),
  decompress: async bytes => Buffer.from(lz4.decompress(bytes))
})
const zstdReady = new Promise(resolve => ZstdCodec.run(zstd => resolve(new zstd.Simple())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstdReady).compress(encoder.buffer)),
  decompress: async bytes => Buffer.from((await zstdReady).decompress(bytes))
})

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

async function until(what, attempt) {
  for (const end = Date.now() + DEADLINE_MS; ;) {
    const answer = await attempt()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`)
    await pause(50)
  }
}

const say = line => process.stdout.write(JSON.stringify(line) + '\n')
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// Has the harness kill or restart a broker; resolves when that has been done.
async function ask(action, broker) {
  say({ ask: action, broker })
  const { value } = await answers.next()
  if (value !== 'done') throw new Error(`the harness could not ${action} broker ${broker}`)
}

// The error code of a call: 0 when it succeeded.
async function codeOf(promise) {
  try {
    await promise
    return 0
  } catch (problem) {
    const inner = problem.errors?.[0] ?? problem.groups?.[0] ?? problem.cause ?? problem
    const code = inner.code ?? inner.errorCode
    if (code === undefined) throw problem
    return code
  }
}

async function metadataOf(topic) {
  try {
    return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions
  } catch (problem) {
    return []
  }
}

async function create(topic, partitions, config = {}) {
  // The sample timestamps are old: without this the records would be deleted as expired.
  const settings = { 'retention.ms': '-1', ...config }
  await admin.createTopics({
    waitForLeaders: false,
    topics: [{
      topic, numPartitions: partitions, replicationFactor: 3,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value }))
    }]
  })
  await until('leaders', async () => {
    const found = await metadataOf(topic)
    return found.length === partitions && found.every(p => p.leader >= 0)
  })
}

const numbered = (count, { first = 0, step = 1, partition = 0 } = {}) =>
  Array.from({ length: count }, (_, i) => ({
    partition, value: String(first + i), timestamp: String(BASE_MS + step * (first + i))
  }))

// Sends the messages in one request for each partition; answers the request's base offsets.
async function produce(topic, messages, { acks = -1, compression, ...config } = {}) {
  const producer = kafka.producer(config)
  await producer.connect()
  try {
    const answer = await producer.send({ topic, messages, acks, compression })
    return answer.map(p => Number(p.baseOffset))
  } finally {
    await producer.disconnect()
  }
}

async function consumerOf(groupId, topic, config = {}) {
  const consumer = kafka.consumer({
    groupId, sessionTimeout: 10000, heartbeatInterval: 500, maxWaitTimeInMs: 200,
    rebalanceTimeout: 10000, ...config
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  return consumer
}

// Runs the consumer until it has read so many messages (of one partition, if it is given).
async function take(consumer, count, { partition, before } = {}) {
  const taken = []
  const full = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${taken.length} of ${count} records`)), DEADLINE_MS).unref()
    consumer.run({
      autoCommit: false,
      eachMessage: async item => {
        if (partition !== undefined && item.partition !== partition) return
        if (taken.length < count) taken.push(item.message)
        if (taken.length === count) resolve()
      }
    }).then(before).catch(reject)
  })
  await full
  return taken
}

// KafkaJS reads only as a member of a group: a group of its own for each reading.
async function read(topic, count, { partition = 0, offset, ...config } = {}) {
  const group = `${topic}-reader-${crypto.randomUUID()}`
  const consumer = await consumerOf(group, topic, config)
  const before = () => offset !== undefined &&
    consumer.seek({ topic, partition, offset: String(offset) })
  try {
    return await take(consumer, count, { partition, before })
  } finally {
    await consumer.disconnect()
  }
}

const areNumbers = (messages, first, step) =>
  messages.every((message, i) => Number(message.value) === first + step * i)

const offsetsOf = async (topic, partition = 0) => {
  const found = (await admin.fetchTopicOffsets(topic)).find(p => p.partition === partition)
  return [Number(found.low), Number(found.high)]
}

async function metadata(prefix) {
  const offsets = await produce(prefix, numbered(1))
  const cluster = await admin.describeCluster()
  const partitions = await metadataOf(prefix)
  const nodes = cluster.brokers.map(b => b.nodeId)
  return {
    offsets, brokers: nodes.length, controller_is_a_broker: nodes.includes(cluster.controller),
    cluster_id_is_set: Boolean(cluster.clusterId), partitions: partitions.length,
    replicas: [...new Set(partitions.map(p => p.replicas.length))],
    listed: (await admin.listTopics()).includes(prefix)
  }
}

function samples() {
  return Array.from({ length: 20 }, (_, i) => ({
    partition: 0, timestamp: String(BASE_MS + i), key: i % 4 === 0 ? null : `key-${i}`,
    value: i % 5 === 1 ? null : i % 5 === 2 ? '' : `value-${i} `.repeat(20),
    headers: i % 2 ? { h: ['one', 'two'], empty: '' } : {}
  }))
}

const plain = message => JSON.stringify([
  message.key?.toString() ?? null, message.value?.toString() ?? null, message.timestamp,
  Object.entries(message.headers).map(([name, value]) => [name, String(value)])])

async function codecs(prefix) {
  await create(prefix, 1)
  const seen = {}
  const kinds = ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD']
  for (const [number, kind] of kinds.entries()) {
    const offsets = await produce(prefix, samples(), { compression: CompressionTypes[kind] })
    const all = await read(prefix, 20 * (number + 1))
    const read20 = all.slice(20 * number)
    seen[kind.toLowerCase()] = {
      first: offsets[0], last: Number(read20[19].offset),
      same: samples().every((sent, i) => plain(sent) === plain(read20[i]))
    }
  }
  return seen
}

async function idempotent(prefix) {
  await create(prefix, 4)
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let i = 0; i < 1000; i += 40) {
    const messages = Array.from({ length: 40 }, (_, j) => ({
      partition: (i + j) % 4, value: String(i + j)
    }))
    await producer.send({ topic: prefix, messages, acks: -1 })
  }
  await producer.disconnect()
  const seen = { ends: [], ordered: true }
  for (let p = 0; p < 4; p++) {
    seen.ends.push((await offsetsOf(prefix, p))[1])
    seen.ordered &&= areNumbers(await read(prefix, 250, { partition: p }), p, 4)
  }
  return seen
}

async function acks(prefix) {
  await create(prefix, 1)
  const seen = {}
  for (const [number, level] of [0, 1, -1].entries()) {
    const offsets = await produce(prefix, numbered(100), { acks: level })
    if (level !== 0) seen[level] = offsets
    await until('the records of this level',
      async () => (await offsetsOf(prefix))[1] === 100 * (number + 1))
  }
  seen.read = (await read(prefix, 300)).length
  return seen
}

const groupOffset = async (groupId, topic) => {
  const found = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]
  return found ? [Number(found.offset), found.metadata || ''] : []
}

async function group(prefix) {
  await create(prefix, 1)
  await produce(prefix, numbered(100))
  const first = await consumerOf(prefix, prefix)
  const taken = await take(first, 50)
  const before = await groupOffset(prefix, prefix)
  await first.commitOffsets([{ topic: prefix, partition: 0, offset: '50', metadata: 'noted' }])
  await first.disconnect()
  const committed = await groupOffset(prefix, prefix)
  const second = await consumerOf(prefix, prefix)
  const rest = await take(second, 50)
  await second.commitOffsets([{ topic: prefix, partition: 0, offset: '100' }])
  await second.disconnect()
  return {
    before, first: Number(taken[0].offset), resumed_at: Number(rest[0].offset), committed,
    last: await groupOffset(prefix, prefix)
  }
}

async function rebalance(prefix) {
  await create(prefix, 4)
  const member = async () => {
    const consumer = await consumerOf(prefix, prefix)
    const one = { consumer, share: [] }
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      one.share = payload.memberAssignment[prefix] ?? []
    })
    consumer.on(consumer.events.REBALANCING, () => { one.share = [] })
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    return one
  }
  const shares = async (members, sizes) => {
    await until(`shares of ${sizes}`,
      () => members.map(m => m.share.length).sort().join() === sizes.join())
    return members.flatMap(m => m.share).sort()
  }
  const seen = {}
  const a = await member()
  seen.alone = await shares([a], [4])
  const b = await member()
  seen.together = await shares([a, b], [2, 2])
  await b.consumer.disconnect()
  seen.after = await shares([a], [4])
  await a.consumer.disconnect()
  return seen
}

async function seek(prefix) {
  await create(prefix, 1)
  await produce(prefix, numbered(100, { step: 1000 }))
  const at = async ms => Number(
    (await admin.fetchTopicOffsetsByTimestamp(prefix, BASE_MS + ms))[0].offset)
  return {
    before: await at(-5), exact: await at(40000), between: await at(40001),
    after: await at(1000000), ends: await offsetsOf(prefix),
    sought: Number((await read(prefix, 1, { offset: 40 }))[0].offset),
    out_of_range_resets_to: Number((await read(prefix, 1, { offset: 5000 }))[0].offset)
  }
}

async function large(prefix) {
  await create(prefix, 1, { 'max.message.bytes': '100000' })
  await create(`${prefix}-default`, 1)
  const attempt = async (topic, size) => {
    const value = crypto.randomBytes(size)
    const code = await codeOf(produce(topic, [{ partition: 0, value }]))
    return code || 'ok'
  }
  const seen = {
    near: await attempt(prefix, 99000), too_large: await attempt(prefix, 101000),
    default_near: await attempt(`${prefix}-default`, 1048000),
    default_too_large: await attempt(`${prefix}-default`, 1050000)
  }
  const small = await read(`${prefix}-default`, 1, { maxBytes: 1000, maxBytesPerPartition: 1000 })
  seen.read_bytes = small[0].value.length
  return seen
}

async function config(topic, name) {
  const answer = await admin.describeConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }]
  })
  const entries = answer.resources[0].configEntries
  const { configValue, configSource, readOnly, isSensitive } = entries[0]
  return [configValue, configSource, readOnly, isSensitive, entries.length]
}

async function topics(prefix) {
  const make = (topic, numPartitions, replicationFactor, ...pair) => codeOf(admin.createTopics({
    waitForLeaders: false,
    topics: [{
      topic, numPartitions, replicationFactor,
      configEntries: pair.length ? [{ name: pair[0], value: pair[1] }] : []
    }]
  }))
  const seen = { create: await make(prefix, 3, 3, 'retention.ms', '123456') }
  await until('the topic', async () => (await metadataOf(prefix)).length === 3)
  // KafkaJS itself answers false for a topic that exists.
  seen.again = await admin.createTopics({ topics: [{ topic: prefix, numPartitions: 3 }] })
  seen.no_partitions = await make(`${prefix}-a`, 0, 3)
  seen.many_replicas = await make(`${prefix}-b`, 1, 100)
  seen.bad_name = await make(`${prefix}/c`, 1, 3)
  seen.long_name = await make('x'.repeat(250), 1, 3)
  seen.bad_config = await make(`${prefix}-d`, 1, 3, 'retention.ms', 'soon')
  seen['retention.ms'] = await config(prefix, 'retention.ms')
  seen['max.message.bytes'] = await config(prefix, 'max.message.bytes')
  // AlterConfigs replaces all settings of the topic.
  seen.set = await codeOf(admin.alterConfigs({
    validateOnly: false,
    resources: [{
      type: ConfigResourceTypes.TOPIC, name: prefix,
      configEntries: [{ name: 'segment.ms', value: '7000000' }]
    }]
  }))
  await until('all settings replaced',
    async () => (await config(prefix, 'retention.ms'))[0] === '604800000')
  seen['segment.ms'] = await config(prefix, 'segment.ms')
  seen.delete = await codeOf(admin.deleteTopics({ topics: [prefix] }))
  await until('the topic is gone', async () => !(await admin.listTopics()).includes(prefix))
  seen.delete_again = await codeOf(admin.deleteTopics({ topics: [prefix] }))
  return seen
}

async function partitions(prefix) {
  await create(prefix, 2)
  const grow = (topic, count) =>
    codeOf(admin.createPartitions({ topicPartitions: [{ topic, count }] }))
  const seen = { grow: await grow(prefix, 5) }
  await until('five partitions', async () => (await metadataOf(prefix)).length === 5)
  seen.same = await grow(prefix, 5)
  seen.shrink = await grow(prefix, 1)
  seen.unknown = await grow(`${prefix}-unknown`, 5)
  await produce(prefix, numbered(10, { partition: 4 }))
  const drop = offset => codeOf(admin.deleteTopicRecords({
    topic: prefix, partitions: [{ partition: 4, offset: String(offset) }]
  }))
  seen.offsets = await offsetsOf(prefix, 4)
  seen.deleted = await drop(4)
  seen.offsets_after = await offsetsOf(prefix, 4)
  seen.first_after = Number((await read(prefix, 1, { partition: 4 }))[0].offset)
  return seen
}

async function groups(prefix) {
  await create(prefix, 1)
  await produce(prefix, numbered(10))
  const member = await consumerOf(prefix, prefix)
  await take(member, 10)
  await member.commitOffsets([{ topic: prefix, partition: 0, offset: '10' }])
  const describe = async id => {
    const found = (await admin.describeGroups([id])).groups[0]
    return [found.errorCode, found.state, found.protocolType, found.protocol,
      found.members.map(m => m.clientId)]
  }
  const listed = async () =>
    (await admin.listGroups()).groups.filter(g => g.groupId === prefix).map(g => g.protocolType)
  const remove = () => codeOf(admin.deleteGroups([prefix]))
  const seen = {
    stable: await describe(prefix), listed: await listed(),
    offset: await groupOffset(prefix, prefix), delete_busy: await remove()
  }
  await member.disconnect()
  await until('the group is empty', async () => (await describe(prefix))[1] === 'Empty')
  seen.empty = await describe(prefix)
  await admin.setOffsets({ groupId: prefix, topic: prefix, partitions: [{ partition: 0, offset: '3' }] })
  seen.offset_altered = await groupOffset(prefix, prefix)
  seen.delete = await remove()
  seen.delete_again = await remove()
  seen.unknown = (await describe(`${prefix}-x`)).slice(1)
  seen.listed_after = await listed()
  return seen
}

async function failover(prefix) {
  await create(prefix, 1, { 'min.insync.replicas': '2' })
  const producer = kafka.producer({
    idempotent: true, maxInFlightRequests: 1, retry: { initialRetryTime: 100, retries: 40,
      maxRetryTime: 1000 }
  })
  await producer.connect()
  const send = (first, count) => producer.send({
    topic: prefix, acks: -1, messages: numbered(count, { first })
  })
  for (let i = 0; i < 300; i += 20) await send(i, 20)
  const old = (await metadataOf(prefix))[0].leader
  await ask('kill', old)
  try {
    for (let i = 300; i < 400; i += 20) await send(i, 20)
    await producer.disconnect()
    await until('another leader', async () => {
      const found = await metadataOf(prefix)
      return found.length === 1 && found[0].leader >= 0 && found[0].leader !== old
    })
    return { moved: true, all_in_order: areNumbers(await read(prefix, 400), 0, 1) }
  } finally {
    await ask('restart', old)
  }
}

async function main() {
  const version = require('kafkajs/package.json').version
  const all = {
    metadata, codecs, idempotent, acks, group, rebalance, seek, large, topics, partitions, groups,
    failover
  }
  let failed = 0
  await admin.connect()
  for (const [conversation, hold] of Object.entries(all)) {
    if (wanted.length && !wanted.includes(conversation)) continue
    const line = { client: 'kafkajs', version, conversation }
    try {
      line.observations = await hold(`${prefixOfRun}-${conversation}`)
      line.ok = true
    } catch (problem) {
      process.stderr.write(`${problem.stack}\n`)
      Object.assign(line, { ok: false, observations: {}, problem: String(problem) })
      failed = 1
    }
    say(line)
  }
  process.exit(failed)
}

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
main()
