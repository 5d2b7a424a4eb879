import { describe } from 'vitest'
import { RedisStreamStore } from '../../src/server/stores/redis.ts'
import { hasRedis, RedisServer } from '../support/redis-server.ts'
import { conform } from './conform.ts'

describe.skipIf(!hasRedis)('with a real Redis', () => {
  conform('on the Redis store', 'socket', async () => {
    const redis = await RedisServer.start()
    return { store: new RedisStreamStore({ url: redis.url }), dispose: () => redis.close() }
  })
})
