import type { Part, State, StreamInfo } from 'headwater'
import * as v from 'valibot'

const Meta = v.object({ user: v.object({ id: v.string(), text: v.string() }), answerId: v.string() })

/** What a chat keeps with each stream: the message that it answers. */
export type ChatMeta = v.InferOutput<typeof Meta>

/** One turn of a conversation: what the person wrote, and the stream that answers it. */
export interface Exchange {
  streamId: string
  /** `null` where the question was asked in another browser. */
  user: ChatMeta['user'] | null
  answerId: string
  /** Streams before this one that tried to answer the same message. */
  earlierAttempts: number
  /** How much of the stream was stored when the history was read. */
  seq: number
  /** Milliseconds since the epoch. */
  createdAt: number
}

/** A message as the AI SDK's `UIMessage` has it, as far as we send it. */
export interface UiMessage {
  id: string
  role: 'user' | 'assistant'
  parts: { type: 'text'; text: string }[]
}

/** The message of a stream's `meta`, `null` where it has none that we understand. */
export function parseChatMeta(meta: unknown): ChatMeta | null {
  const result = v.safeParse(Meta, meta)
  return result.success ? result.output : null
}

/** A conversation out of a channel's history (oldest first). Of several answers to one message the last one counts. */
export function exchangesOf(
  history: readonly Pick<StreamInfo, 'streamId' | 'meta' | 'seq' | 'createdAt'>[],
): Exchange[] {
  const exchanges: Exchange[] = []
  for (const { streamId, meta, seq, createdAt } of history) {
    const chat = parseChatMeta(meta)
    const previous = exchanges.at(-1)
    const isRetry = chat !== null && previous?.user?.id === chat.user.id
    const exchange: Exchange = {
      streamId,
      user: chat?.user ?? null,
      answerId: chat?.answerId ?? streamId,
      earlierAttempts: isRetry ? previous.earlierAttempts + 1 : 0,
      seq,
      createdAt,
    }
    if (isRetry) exchanges[exchanges.length - 1] = exchange
    else exchanges.push(exchange)
  }
  return exchanges
}

/** Whether a view whose text is asked for has all that its stream had when the history was read, or will never have more. */
export function isRead({ seq }: Exchange, state: Pick<State, 'seq' | 'ending' | 'failure'>): boolean {
  // What builds texts could not be loaded: the view says how far the stream is, and has nothing of it.
  if (state.failure?.code === 'reload-needed') return false
  // It may have been deleted meanwhile, or cut back by a hub that lost what was not stored.
  return state.seq >= seq || state.ending !== null || state.failure?.code === 'unknown-stream'
}

/** The text of an answer: what the model said, without its reasoning. */
export function answerText(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n')
}

/**
 * The messages of a request: the whole conversation, then what the person writes now. Answers without text (failed before the first word) are
 * left out, because providers refuse empty messages.
 */
export function toUiMessages(
  turns: readonly { exchange: Exchange; parts: readonly Part[] }[],
  next: ChatMeta['user'],
): UiMessage[] {
  const messages: UiMessage[] = []
  for (const { exchange, parts } of turns) {
    const { user, answerId } = exchange
    if (user) messages.push({ id: user.id, role: 'user', parts: [{ type: 'text', text: user.text }] })
    const text = answerText(parts)
    if (text.trim() !== '') messages.push({ id: answerId, role: 'assistant', parts: [{ type: 'text', text }] })
  }
  messages.push({ id: next.id, role: 'user', parts: [{ type: 'text', text: next.text }] })
  return messages
}

/** A title out of the first message: its first line, cut at a word after about 48 characters. */
export function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0]?.trim() ?? ''
  if (line.length <= 48) return line
  const cut = line.slice(0, 48)
  const space = cut.lastIndexOf(' ')
  return `${(space > 24 ? cut.slice(0, space) : cut).trimEnd()}…`
}
