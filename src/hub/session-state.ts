/** What an owner knows besides the row. */
export interface Ownership {
  epoch: number
  /** Attempts since the last progress: 0 while all is well. */
  attempt: number
}

/**
 * Where one stream's session in this hub stands. Immutable; each state is one activity that `stream-session.ts` performs, each activity ends in
 * one event, and {@link transition} says what follows. What is durable (status, position, intents) is in the row, not here.
 */
export type SessionState =
  /** Reads only: another hub owns the stream, or nobody has to. */
  | { at: 'following' }
  /** In the queue for the lock. */
  | { at: 'acquiring' }
  /** Holds the lock; the transaction of rule 1 comes next. */
  | { at: 'taking-over' }
  /** Holds the lock; tells the producer that the stream is cancelled, then ends it. */
  | { at: 'cancelling' }
  /** In the outbox: for the streams of its channel that were queued before it, then for a sign of life from its server. */
  | { at: 'queued'; owned: Ownership }
  /** For one of the few connections to the upstream's origin. */
  | { at: 'waiting-for-slot'; owned: Ownership }
  | { at: 'connecting'; owned: Ownership }
  | { at: 'streaming'; owned: Ownership }
  | { at: 'backing-off'; owned: Ownership }
  /** All automatic attempts are used up: tries again now and then. */
  | { at: 'probing'; owned: Ownership }
  /** Rule 4: nothing is open and nothing in flight; lets the lock go. */
  | { at: 'releasing' }

export type SessionEvent =
  /** The row wants an owner, and a tab is attached. */
  | { type: 'wanted' }
  | { type: 'granted' }
  /** `queued` where the request is still in the outbox. */
  | { type: 'took'; epoch: number; queued: boolean }
  /** An intent `cancel` was found. */
  | { type: 'cancel-asked' }
  /** The row wants no owner (any more): ended, stopped, removed, or disconnected for good. */
  | { type: 'settled' }
  | { type: 'slot' }
  /** The server gave no sign of life: the request stays in the outbox, unsent. */
  | { type: 'unreachable' }
  | { type: 'connected' }
  | { type: 'progress' }
  /** The connection is lost; `again` while automatic attempts are left. */
  | { type: 'lost'; again: boolean }
  /** Another stream waits for the connection, and this one had its turn; or it goes on another way, over a shared socket or back from there. */
  | { type: 'yielded' }
  /** Time for the next attempt; `fresh` where somebody asked for it, which makes it the first again. */
  | { type: 'due'; fresh: boolean }
  /** A transaction was refused: another owner, an intent, or a deleted stream. Look again. */
  | { type: 'fenced' }
  /** The lock was stolen, the epoch is another owner’s, or the hub closes. */
  | { type: 'lock-lost' }

/** What follows. An event that means nothing in a state leaves it as it is: events may come late. */
export function transition(state: SessionState, event: SessionEvent): SessionState {
  if (event.type === 'lock-lost') return { at: 'following' }
  switch (state.at) {
    case 'following':
      return event.type === 'wanted' ? { at: 'acquiring' } : state
    case 'acquiring':
      if (event.type === 'granted') return { at: 'taking-over' }
      return event.type === 'settled' ? { at: 'following' } : state
    case 'taking-over':
      switch (event.type) {
        case 'took':
          return { at: event.queued ? 'queued' : 'waiting-for-slot', owned: { epoch: event.epoch, attempt: 0 } }
        case 'cancel-asked':
          return { at: 'cancelling' }
        case 'settled':
          return { at: 'releasing' }
        default:
          return state
      }
    case 'cancelling':
      return event.type === 'settled' ? { at: 'releasing' } : state
    case 'releasing':
      return event.type === 'settled' ? { at: 'following' } : state
    case 'queued':
    case 'waiting-for-slot':
    case 'connecting':
    case 'streaming':
    case 'backing-off':
    case 'probing':
      return ownerTransition(state, event)
  }
}

function ownerTransition(state: Extract<SessionState, { owned: Ownership }>, event: SessionEvent): SessionState {
  const { owned } = state
  switch (event.type) {
    case 'fenced':
      return { at: 'taking-over' }
    case 'settled':
      return { at: 'releasing' }
    case 'slot':
      return state.at === 'waiting-for-slot' ? { at: 'connecting', owned } : state
    case 'unreachable':
      return state.at === 'connecting' ? { at: 'queued', owned } : state
    case 'connected':
      return state.at === 'connecting' ? { at: 'streaming', owned } : state
    case 'progress':
      return owned.attempt === 0 ? state : { ...state, owned: { ...owned, attempt: 0 } }
    case 'lost':
      return { at: event.again ? 'backing-off' : 'probing', owned: { ...owned, attempt: owned.attempt + 1 } }
    case 'yielded':
      return { at: 'waiting-for-slot', owned }
    case 'due':
      return { at: 'waiting-for-slot', owned: event.fresh ? { ...owned, attempt: 0 } : owned }
    default:
      return state
  }
}
