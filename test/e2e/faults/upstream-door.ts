import { createConnectUpstream as create } from '../../../src/upstream/connect-upstream.ts'
import type { ConnectUpstream, UpstreamConnection, UpstreamFrame } from '../../../src/upstream/upstream.ts'
import { reach } from './reach.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever it comes to export
export * from '../../../src/upstream/connect-upstream.ts'

async function* holdFrames(connection: UpstreamConnection): AsyncGenerator<UpstreamFrame> {
  for await (const frame of connection) {
    if (frame.ending !== undefined) await reach('ending-seen')
    else if (frame.chunks.length > 0) await reach('read')
    yield frame
  }
}

/** Stands in for the one of `connect-upstream.ts`. */
export function createConnectUpstream(...options: Parameters<typeof create>): ConnectUpstream {
  const connect = create(...options)
  return async (request, signal) => {
    await reach(request.resuming ? 'epoch-raised' : 'before-fetch')
    const connection = await connect(request, signal)
    return { head: connection.head, [Symbol.asyncIterator]: () => holdFrames(connection) }
  }
}
