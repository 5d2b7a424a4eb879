import { transfer } from 'comlink'
import type { Way } from '../liveness/pair-channel.ts'

/** A way to a hub, which may still be starting. */
export interface HubStart {
  /** Where this page calls the hub. */
  port: Way
  /** Where the hub calls this page, and what tells the hub so: a port, or a channel's name. */
  back: Way
  address: MessagePort | string
  /** Rejects with `reload-needed` when the hub's script does not come; never resolves. */
  failed: Promise<never>
  /** Rule 14: this hub did not answer a visible page in time. No page of this origin comes to it again. */
  abandon?(): void | Promise<void>
  /** This page wants no hub for now: what it runs for others goes to the next in line. */
  leave?(): void
}

/** Two ports, as {@link HubStart} has them. */
export function backPorts(): Pick<HubStart, 'back' | 'address'> {
  const { port1, port2 } = new MessageChannel()
  return { back: port1, address: transfer(port2, [port2]) }
}
