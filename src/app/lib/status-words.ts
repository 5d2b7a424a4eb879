import type { Ending, Status, WaitingFor } from 'headwater'
import type { IconName } from './icons.ts'

/** Colour role of a state. Never the only sign: each state has its own icon and words, too. */
export type Tone = 'quiet' | 'busy' | 'live' | 'warn' | 'good' | 'bad'

/** What a state is called, for people. */
export interface StatusWords {
  /** For tests and styles: one name per look. */
  key: string
  tone: Tone
  icon: IconName
  label: string
  /** One sentence: what happened, and what comes next. */
  detail: string
}

/** The part of a stream's state that decides its words. */
export interface StatusFacts {
  status: Status
  waitingFor?: WaitingFor | undefined
  ending: Ending | null
  canResume?: boolean
  error?: string | null
}

const WAITS: Readonly<Record<WaitingFor, string>> = {
  network: 'the network',
  server: 'the server',
  connection: 'a free connection',
  credentials: 'permission from an open tab',
  storage: 'room in the browser’s storage',
}

function failed({ ending, error }: StatusFacts): StatusWords {
  if (ending?.code === 'producer-lost') {
    return {
      key: 'producer-lost',
      tone: 'bad',
      icon: 'unplugged',
      label: 'Producer lost',
      detail: 'Whoever produced this is gone. Everything it wrote is kept.',
    }
  }
  if (ending?.exitCode !== undefined) {
    return {
      key: 'failed',
      tone: 'bad',
      icon: 'cross',
      label: `Failed: exit status ${ending.exitCode}`,
      detail: `The command ended with exit status ${ending.exitCode}.`,
    }
  }
  return {
    key: 'failed',
    tone: 'bad',
    icon: 'cross',
    label: 'Failed',
    detail: error ?? (ending?.code ? `It ended with an error (${ending.code}).` : 'It ended with an error.'),
  }
}

function paused({ canResume }: StatusFacts): StatusWords {
  return {
    key: 'paused',
    tone: 'warn',
    icon: 'pause',
    label: 'Paused',
    detail: canResume ? 'Paused here. “Continue” fetches the rest.' : 'Paused here. The rest can no longer be fetched.',
  }
}

/** Name, icon and explanation of a state. Done, failed, cancelled and a lost connection each look different (an ending is not a cut). */
export function describeStatus(facts: StatusFacts): StatusWords {
  const { status, ending, waitingFor } = facts
  if (ending?.kind === 'cancelled') {
    return {
      key: 'cancelled',
      tone: 'warn',
      icon: 'stop',
      label: 'Cancelled',
      detail: 'It was cancelled before its end. What had come by then is kept.',
    }
  }
  if (ending?.kind === 'error' || status === 'error') return failed(facts)
  const waits = waitingFor && WAITS[waitingFor]
  switch (status) {
    case 'idle':
      return { key: 'idle', tone: 'quiet', icon: 'circle', label: 'Nothing yet', detail: 'Nothing has come so far.' }
    case 'queued':
      return {
        key: 'queued',
        tone: 'busy',
        icon: 'clock',
        label: 'Queued',
        detail:
          waitingFor === undefined
            ? 'It is sent once, when the answer before it has ended.'
            : `Waiting for ${waits}; it will be sent once.`,
      }
    case 'connecting':
      return {
        key: 'connecting',
        tone: 'busy',
        icon: 'clock',
        label: waits ? `Waiting for ${waits}` : 'Connecting',
        detail: waits ? `It starts as soon as there is ${waits}.` : 'The request is on its way.',
      }
    case 'streaming':
      return { key: 'live', tone: 'live', icon: 'wave', label: 'Live', detail: 'New data is shown as it comes.' }
    case 'reconnecting':
      return {
        key: 'reconnecting',
        tone: 'warn',
        icon: 'retry',
        label: 'Reconnecting',
        detail: `The connection was lost; it waits for ${waits ?? 'the server'} and goes on by itself. Nothing is lost.`,
      }
    case 'disconnected':
      return {
        key: 'disconnected',
        tone: 'warn',
        icon: 'cloudOff',
        label: 'Disconnected',
        detail: facts.canResume
          ? `No connection. It waits for ${waits ?? 'the server'} and goes on from here. Nothing is lost.`
          : 'The connection was lost and cannot be continued. What had come by then is kept.',
      }
    case 'stopped':
      return paused(facts)
    case 'done':
      return { key: 'done', tone: 'good', icon: 'check', label: 'Done', detail: 'It came to its end.' }
  }
}
