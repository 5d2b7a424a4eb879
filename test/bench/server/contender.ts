// A process of its own: `contender.js <ContenderJob as JSON>`, with a channel to its parent.
import { DurableStreamTestServer } from '@durable-streams/server'
import { readConfig } from '../../../src/server/config.ts'
import { serve } from '../../../src/server/node.ts'
import { startBareServer } from './bare-server.ts'
import type { ContenderJob, ContenderReady, ContenderUsage } from './messages.ts'

async function start({ kind, store }: ContenderJob): Promise<string> {
  if (kind === 'bare') return startBareServer()
  if (kind === 'reference') {
    const server = new DurableStreamTestServer({
      port: 0,
      ...(store.kind === 'disk' && { dataDir: store.folder }),
    })
    await server.start()
    return server.url
  }
  const config = readConfig(
    {},
    {
      port: 0,
      store: store.kind === 'redis' ? store.url : store.kind === 'disk' ? 'embedded' : 'memory',
      ...(store.kind === 'disk' && { data: store.folder }),
    },
  )
  return (await serve({ config, models: [] })).url
}

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const usage: ContenderUsage = { cpu: user + system, memory: process.memoryUsage.rss() }
  process.send?.(usage)
})
process.on('disconnect', () => process.exit(0))
const ready: ContenderReady = { url: await start(JSON.parse(process.argv[2] ?? '') as ContenderJob) }
process.send?.(ready)
