import { wrap as wrapEndpoint } from 'comlink'
import type { Endpoint, Remote } from 'comlink'
import type { Ack, Batch, TabPort } from '../../../src/protocol/hub-port.ts'
import { reach } from './reach.ts'

// eslint-disable-next-line no-restricted-syntax -- stands in for a whole module, whatever the hub takes from it
export * from 'comlink'

/** A tab has been sent to, and nobody else is until the test lets go. */
let holding: Promise<void> | null = null

async function deliver(tab: Remote<TabPort>, batch: Batch): Promise<Ack> {
  if (batch.packs.length === 0) return tab.deliver(batch)
  if (holding !== null) {
    await holding
    return tab.deliver(batch)
  }
  const answer = tab.deliver(batch)
  holding = reach('delivering').finally(() => (holding = null))
  await holding
  return answer
}

/** Stands in for Comlink's where the hub wraps a tab. */
export function wrap(endpoint: Endpoint): Remote<TabPort> {
  const tab = wrapEndpoint<TabPort>(endpoint)
  return new Proxy(tab, {
    get: (target, property) =>
      property === 'deliver' ? (batch: Batch) => deliver(target, batch) : (Reflect.get(target, property) as unknown),
  })
}
