import type { SendOptions } from '../../src/client/api.ts'
import { HeadwaterError } from '../../src/protocol/errors.ts'
import { someChannel, type Act } from './act.ts'
import { PAGE_ACTS, PAGE_WEIGHTS } from './page-acts.ts'
import { pick } from './steps.ts'
import type { SourceKind } from './truth.ts'
import type { Walker, WalkTab } from './walker.ts'

const KINDS: readonly SourceKind[] = ['get', 'get', 'get', 'post', 'once']
const STORE_CALLS = ['row', 'rows', 'newest', 'commit', 'openChannel', 'readLog'] as const

const sourceOf = (
  kind: SourceKind,
  name: string,
): { url: string; method?: string; body?: string; retries: number } => ({
  url: `/${kind}/${name}`,
  retries: 2,
  ...(kind !== 'get' && { method: 'POST', body: 'ask' }),
})

const verb =
  (kind: 'stop' | 'resume' | 'cancel' | 'retry'): Act =>
  (walker, random) => {
    const found = someChannel(walker, random)
    if (found === null) return null
    const { tab, name, channel } = found
    const id = channel.streamId
    const what = `${kind} ${name} in ${tab.tag}`
    // Which stream is meant is the view's business; where it changed meanwhile, the answer says nothing of this one.
    const same = (then?: () => void) => (): void => {
      if (channel.streamId === id) then?.()
    }
    const { reference } = walker
    if (kind === 'retry') walker.ask(tab, what, channel.retry())
    else if (kind === 'cancel')
      walker.ask(tab, what, channel.cancel(), same(id === null ? undefined : () => reference.cancelled(id)))
    else if (kind === 'stop')
      walker.ask(tab, what, channel.stop(), same(id === null ? undefined : reference.stopping(id)))
    else {
      if (id === null) return null
      walker.ask(tab, what, channel.resume().finally(reference.resuming(id)))
    }
    return what
  }

const start =
  (how: 'send' | 'open', options: SendOptions = {}): Act =>
  (walker, random) => {
    const found = someChannel(walker, random)
    const kind = pick(random, KINDS)
    if (found === null || kind === undefined) return null
    const { tab, name, channel } = found
    const what = `${how} ${kind} in ${name} of ${tab.tag}${options.whenOffline === undefined ? '' : ', queued'}`
    walker.ask(tab, what, channel[how](sourceOf(kind, name), options))
    return what
  }

const release =
  (most: number): Act =>
  (walker, random) => {
    const live = walker.truth.served.filter(({ ending }) => ending === null)
    // The younger, the likelier that somebody reads it.
    const run = pick(random, live.slice(-4))
    if (run === undefined) return null
    const units = 1 + Math.floor(random() * most)
    run.released += units
    walker.truth.poke()
    return `${units} more of ${run.name}`
  }

const end =
  (kind: 'done' | 'error'): Act =>
  (walker, random) => {
    const run = pick(
      random,
      walker.truth.served.filter(({ ending }) => ending === null),
    )
    if (run === undefined) return null
    run.ending = kind === 'done' ? { kind } : { kind, code: 'broken' }
    walker.truth.poke()
    return `${kind} of ${run.name}`
  }

const opened: Act = (walker, random) => {
  if (walker.tabs.length >= 8) return null
  const follows = walker.channels.filter(() => random() < 0.7).map((name) => [name, random() < 0.75] as const)
  const tab = walker.open(follows.length > 0 ? follows : [['c0', true]])
  return `open ${tab.tag}`
}

const leaves =
  (how: string, leave: (walker: Walker, tab: WalkTab) => void): Act =>
  (walker, random) => {
    const tab = pick(random, walker.tabs)
    if (tab === undefined || walker.tabs.length < 2) return null
    leave(walker, tab)
    walker.gone(tab)
    return `${how} ${tab.tag}`
  }

/** Opens the gate of that name, if it is shut. */
function openGate(walker: Walker, name: string): void {
  walker.gates.get(name)?.()
  walker.gates.delete(name)
}

const hubOf = (walker: Walker, random: () => number) =>
  random() < 0.6 ? walker.world.hubs.at(-1) : pick(random, walker.world.hubs)

export const ACTS = {
  ...PAGE_ACTS,
  open: opened,
  duplicate: (walker, random) => {
    const tab = pick(random, walker.tabs)
    if (tab === undefined || walker.tabs.length >= 8) return null
    const copy = walker.open([...tab.channels].map(([name, { reads }]) => [name, reads]))
    return `duplicate ${tab.tag} as ${copy.tag}`
  },
  close: leaves('close', (_, tab) => tab.page.connection.close()),
  'crash tab': leaves('crash', (walker, tab) => walker.world.crashTab(tab.tag)),
  reload: (walker, random) => {
    const tab = pick(random, walker.awake)
    if (tab === undefined) return null
    walker.world.crashTab(tab.tag)
    walker.gone(tab)
    const again = walker.open([...tab.channels].map(([name, { reads }]) => [name, reads]))
    return `reload ${tab.tag} as ${again.tag}`
  },
  'kill hub': (walker, random) => {
    const hub = hubOf(walker, random)
    if (hub === undefined) return null
    walker.world.killHub(hub)
    return `kill ${hub.bootId}`
  },
  'new hub': async (walker) =>
    walker.world.hubs.length < 4 ? `start ${(await walker.world.startHub()).bootId}` : null,
  zombie: async (walker, random) => {
    const hub = hubOf(walker, random)
    if (hub === undefined) return null
    await walker.world.startHub()
    walker.world.makeZombie(hub)
    return `${hub.bootId} is taken for dead`
  },
  freeze: (walker, random) => {
    const tab = pick(random, walker.awake)
    if (tab === undefined) return null
    walker.world.valve(tab.tag).close()
    return `freeze ${tab.tag}`
  },
  thaw: (walker, random) => {
    const tab = pick(
      random,
      walker.tabs.filter(({ tag }) => walker.world.valve(tag).shut),
    )
    if (tab === undefined) return null
    walker.world.valve(tab.tag).open()
    return `thaw ${tab.tag}`
  },
  hide: (walker, random) => {
    const tab = pick(random, walker.awake)
    if (tab === undefined) return null
    walker.leaves(tab)
    tab.page.connection.pause()
    tab.paused = true
    return `${tab.tag} into the back-forward cache`
  },
  show: (walker, random) => {
    const tab = pick(
      random,
      walker.tabs.filter(({ paused }) => paused),
    )
    if (tab === undefined) return null
    tab.paused = false
    tab.page.connection.resume()
    return `${tab.tag} back from the cache`
  },
  nudge: (walker, random) => {
    const tab = pick(random, walker.awake)
    tab?.page.connection.nudge()
    return tab ? `nudge by ${tab.tag}` : null
  },
  offline: (walker) => {
    walker.world.online = false
    walker.world.reachable = false
    walker.truth.refusing = 'network'
    walker.truth.break(new HeadwaterError('network', 'The network is gone.'))
    return 'offline'
  },
  online: (walker) => {
    walker.world.online = true
    walker.world.reachable = true
    walker.truth.refusing = null
    for (const tab of walker.awake) tab.page.connection.nudge()
    return 'online'
  },
  refuse: (walker, random) => {
    walker.truth.refusing = pick(random, ['network', 'network', 503, 503, 404] as const) ?? null
    walker.world.reachable = walker.truth.refusing !== 'network'
    return `refuse: ${walker.truth.refusing}`
  },
  answer: (walker) => {
    walker.truth.refusing = null
    walker.world.reachable = walker.world.online
    return 'answer again'
  },
  cut: (walker, random) => {
    const run = random() < 0.5 ? undefined : pick(random, walker.truth.served)
    walker.truth.break(new HeadwaterError('network', 'The socket was cut.'), run)
    return `cut ${run?.name ?? 'all'}`
  },
  'end of body': (walker, random) => {
    const run = pick(random, walker.truth.served)
    walker.truth.break(null, run)
    return `the body of ${run?.name ?? 'all'} ends`
  },
  'slow heads': (walker) => {
    openGate(walker, 'heads')
    walker.truth.slow = new Promise((resolve) => walker.gates.set('heads', resolve))
    return 'heads are slow'
  },
  'fast heads': (walker) => {
    walker.truth.slow = null
    openGate(walker, 'heads')
    return 'heads come'
  },
  'hold a store': (walker, random) => {
    const store = pick(random, walker.world.stores.slice(-3))
    const call = pick(random, ['commit', 'commit', 'commit', 'row', 'readLog', 'newest', 'openChannel'] as const)
    if (store === undefined || call === undefined) return null
    const when = random() < 0.5 ? 'before' : 'after'
    const gate = `store ${walker.world.stores.indexOf(store)}`
    openGate(walker, gate)
    walker.gates.set(gate, store.hold(call, when))
    return `${gate} waits ${when} ${call}`
  },
  'let a store go': (walker, random) => {
    const gate = pick(
      random,
      [...walker.gates.keys()].filter((name) => name.startsWith('store')),
    )
    if (gate === undefined) return null
    openGate(walker, gate)
    return `${gate} goes on`
  },
  'fail a store': (walker, random) => {
    const store = pick(random, walker.world.stores.slice(-2))
    const call = pick(random, STORE_CALLS)
    if (store === undefined || call === undefined) return null
    store.failing.add(call)
    return `store ${walker.world.stores.indexOf(store)} fails in ${call}`
  },
  'heal the stores': (walker) => {
    for (const { failing } of walker.world.stores) failing.clear()
    return 'stores are well'
  },
  'lose pings': (walker) => {
    walker.world.pingsLost = true
    return 'pings are lost'
  },
  'hear pings': (walker) => {
    walker.world.pingsLost = false
    return 'pings are heard'
  },
  release: release(4),
  'release more': release(120),
  'release very much': release(7_000),
  done: end('done'),
  fails: end('error'),
  'open a source': start('open'),
  send: start('send'),
  queue: start('send', { whenOffline: 'queue' }),
  stop: verb('stop'),
  resume: verb('resume'),
  cancel: verb('cancel'),
  retry: verb('retry'),
  read: (walker, random) => {
    const found = someChannel(walker, random)
    const id = found?.channel.streamId
    if (!found || id == null) return null
    const from = 1 + Math.floor(random() * found.channel.seq)
    let slow = random() < 0.3
    // Never a name that is used: whoever waits at a gate that another one took is not let through any more.
    const gate = `reader ${(walker.gatesMade += 1)}`
    walker.read(found.tab, found.channel, id, from, async () => {
      if (!slow || walker.peace) return
      slow = false
      await new Promise<void>((resolve) => walker.gates.set(gate, resolve))
    })
    return `read ${id} from ${from} in ${found.tab.tag}${slow ? ', slowly' : ''}`
  },
  'read on': (walker, random) => {
    const gate = pick(
      random,
      [...walker.gates.keys()].filter((name) => name.startsWith('reader')),
    )
    if (gate === undefined) return null
    openGate(walker, gate)
    return `${gate} reads on`
  },
  forget: (walker, random) => {
    const found = someChannel(walker, random)
    const id = found?.channel.streamId
    if (!found || id == null || walker.isStarting) return null
    const known = walker.reference.known(id)
    known.forgetAsked = true
    walker.ask(
      found.tab,
      `forget ${id}`,
      found.tab.page.connection.call((hub) => hub.forget({ streamId: id })),
      () => void (known.forgotten = true),
    )
    return `forget ${id}`
  },
  second: (walker) => {
    walker.world.clock.advance(1_000)
    return 'a second'
  },
  'a while': (walker) => {
    walker.world.clock.advance(16_000)
    return '16 seconds'
  },
  'the laptop sleeps': (walker) => {
    walker.world.clock.advance(3_600_000)
    return 'an hour'
  },
} as const satisfies Record<string, Act>

/** How often each is done. Verbs that end runs are rarer than what disturbs them. */
export const WEIGHTS: Readonly<Record<keyof typeof ACTS, number>> = {
  ...PAGE_WEIGHTS,
  open: 4,
  duplicate: 2,
  close: 3,
  'crash tab': 2,
  reload: 4,
  'kill hub': 7,
  'new hub': 3,
  zombie: 1.5,
  freeze: 2,
  thaw: 4,
  hide: 1.5,
  show: 3,
  nudge: 2,
  offline: 1.5,
  online: 3,
  refuse: 2,
  answer: 4,
  cut: 4,
  'end of body': 2,
  'slow heads': 1,
  'fast heads': 2,
  'hold a store': 5,
  'let a store go': 7,
  'fail a store': 1.5,
  'heal the stores': 4,
  'lose pings': 1.5,
  'hear pings': 2,
  release: 16,
  'release more': 3,
  'release very much': 0.3,
  done: 2,
  fails: 0.5,
  'open a source': 5,
  send: 4,
  queue: 2,
  stop: 3,
  resume: 4,
  cancel: 1.5,
  retry: 2,
  read: 3,
  'read on': 3,
  forget: 0.7,
  second: 5,
  'a while': 3,
  'the laptop sleeps': 0.3,
}
