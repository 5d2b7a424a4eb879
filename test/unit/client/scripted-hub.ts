import * as Comlink from 'comlink'
import { Connection } from '../../../src/client/connection.ts'
import { backPorts } from '../../../src/client/hub-start.ts'
import { whenStuck } from '../../../src/client/stuck-hub.ts'
import { acquireLock, type HeldLock } from '../../../src/liveness/locks.ts'
import type { Gap, NewChunk } from '../../../src/protocol/chunk.ts'
import type {
  Attach,
  Attached,
  Batch,
  HubPort,
  Reply,
  StartStream,
  TabPort,
  Welcome,
} from '../../../src/protocol/hub-port.ts'
import { hubLock } from '../../../src/protocol/names.ts'
import { packChunks } from '../../../src/protocol/packed-chunks.ts'
import type { StreamInfo, StreamSnapshot } from '../../../src/protocol/snapshot.ts'
import { FakeLocks } from '../../support/fake-locks.ts'

export const snapshot = (change: Partial<StreamSnapshot> = {}): StreamSnapshot => ({
  streamId: 's',
  channel: 'c',
  version: 1,
  epoch: 1,
  seq: 0,
  firstSeq: 1,
  status: 'streaming',
  ending: null,
  failure: null,
  canResume: false,
  canRetry: false,
  gaps: [],
  dialect: 'text',
  contentType: null,
  url: null,
  size: 0,
  createdAt: 1,
  updatedAt: 1,
  ...change,
})

export const info = (change: Partial<StreamInfo> = {}): StreamInfo => ({
  ...snapshot(change),
  readers: 0,
  owner: 'this',
  ...change,
})

export const texts = (...data: string[]): NewChunk[] => data.map((text) => ({ time: 0, data: text }))

const ok = <T>(value: T): Promise<Reply<T>> => Promise.resolve({ ok: true, value })

/** A hub's side of the protocol, whose every answer is the test's. */
export class ScriptedHub {
  readonly bootId: string
  readonly attached: Attach[] = []
  readonly detached: number[] = []
  readonly calls: string[] = []
  readonly starts: StartStream[] = []
  tab: Comlink.Remote<TabPort> | null = null
  welcome: () => Promise<Reply<Welcome>> = () =>
    ok({ protocol: 1, bootId: this.bootId, durable: true, tier: 'shared-worker' as const })
  attach: (request: Attach) => Promise<Reply<Attached>> = () => ok({ snapshot: snapshot(), fromSeq: 1 })
  streams: () => Promise<Reply<StreamInfo[]>> = () => ok([])
  /** What `start` and `verb` answer. */
  started: () => Promise<Reply<StreamSnapshot>> = () => ok(snapshot())
  ping: () => Promise<Reply<null>> = () => ok(null)
  /** What each hello said of the hub before. */
  left: (boolean | undefined)[] = []
  #lock: HeldLock | null = null

  refuse(): Promise<Reply<never>> {
    return Promise.resolve({ ok: false, error: { code: 'bad-message', message: 'Not in this script.' } })
  }

  constructor(bootId: string) {
    this.bootId = bootId
  }

  async live(locks: FakeLocks): Promise<void> {
    this.#lock = await acquireLock(locks.agent(this.bootId), hubLock(this.bootId))
  }

  die(): void {
    this.#lock?.release()
  }

  serve(port: MessagePort): void {
    const hub: HubPort = {
      hello: ({ left }, back) => {
        this.left.push(left)
        this.tab = Comlink.wrap<TabPort>(back as MessagePort)
        return this.welcome()
      },
      attach: (request) => {
        this.attached.push(request)
        return this.attach(request)
      },
      detach: (cursorId) => {
        this.detached.push(cursorId)
        return ok(null)
      },
      start: (request) => {
        this.calls.push(`start ${request.streamId}`)
        this.starts.push(request)
        return this.started()
      },
      verb: ({ kind, verbId }) => {
        this.calls.push(`${kind} ${verbId}`)
        return this.started()
      },
      produce: () => this.refuse(),
      publish: () => this.refuse(),
      listen: () => ok(null),
      streams: () => this.streams(),
      watch: (on) => {
        this.calls.push(`watch ${on}`)
        return ok(null)
      },
      forget: () => ok(null),
      clear: () => ok(null),
      storage: () => ok({ durable: true, usage: 0, quota: 0, streams: 0, limit: 0 }),
      nudge: () => {
        this.calls.push('nudge')
        return ok(null)
      },
      ping: () => this.ping(),
      retire: () => {
        this.calls.push('retire')
        return ok(null)
      },
      bye: () => {
        this.calls.push('bye')
        return ok(null)
      },
    }
    Comlink.expose(hub, port)
  }

  /** Delivers and waits for the acknowledgement; the cursor is the last one attached unless named. */
  async deliver(
    fromSeq: number,
    chunks: readonly NewChunk[],
    more: Partial<Batch> & { missing?: readonly Gap[] } = {},
  ): Promise<number | undefined> {
    const { missing = [], ...change } = more
    const packs = packChunks(chunks, fromSeq)
    const batch: Batch = {
      bootId: this.bootId,
      cursorId: this.attached[this.attached.length - 1]?.cursorId ?? 0,
      epoch: 1,
      streamId: 's',
      createdAt: 1,
      dialect: 'text',
      fromSeq,
      toSeq: fromSeq + chunks.length,
      gaps: missing,
      packs,
      snapshot: null,
      ...change,
    }
    return (await this.tab?.deliver(batch))?.next
  }
}

/** A page with a real connection to whichever scripted hub is `hub` at the time. */
export class Page {
  readonly locks = new FakeLocks()
  readonly connection: Connection
  hub: ScriptedHub
  /** The hub that each attempt went to. */
  starts: string[] = []
  /** The hubs that did not answer in time. */
  readonly abandoned: string[] = []
  visible = true
  fail: (() => Promise<never>) | null = null

  constructor(hub: ScriptedHub = new ScriptedHub('hub1'), withLocks = true) {
    this.hub = hub
    const alive = hub.live(this.locks)
    this.connection = new Connection({
      start: async () => {
        this.starts.push(this.hub.bootId)
        if (this.fail) return this.fail()
        await alive
        const { port1, port2 } = new MessageChannel()
        this.hub.serve(port2)
        const { bootId } = this.hub
        return {
          port: port1,
          ...backPorts(),
          failed: new Promise<never>(() => undefined),
          abandon: () => void this.abandoned.push(bootId),
        }
      },
      visible: () => this.visible,
      whenStuck: (ping, signal) => whenStuck(ping, () => this.visible, signal),
      locks: withLocks ? this.locks.agent('page') : undefined,
      givesHeaders: true,
      headers: () => Promise.resolve(null),
    })
  }

  /** The present hub dies, another one takes its place. */
  async replaceHub(next: ScriptedHub): Promise<void> {
    const old = this.hub
    await next.live(this.locks)
    this.hub = next
    old.die()
  }

  close(): void {
    this.connection.close()
  }
}
