import type { UIMessage } from 'ai'
import * as v from 'valibot'
import { Refusal } from '../answers.ts'
import { MAX_CHAT_BYTES, MAX_CHAT_MESSAGES, MAX_CHAT_PARTS } from '../limits.ts'
import { readBody } from '../request-body.ts'

const Part = v.looseObject({ type: v.pipe(v.string(), v.minLength(1), v.maxLength(256)) })
const Message = v.looseObject({
  id: v.optional(v.pipe(v.string(), v.maxLength(256)), ''),
  role: v.picklist(['system', 'user', 'assistant']),
  parts: v.pipe(v.array(Part), v.maxLength(MAX_CHAT_PARTS)),
})
const Body = v.object({
  id: v.string(),
  messages: v.pipe(v.array(Message), v.minLength(1), v.maxLength(MAX_CHAT_MESSAGES)),
  model: v.nullish(v.string()),
})

/** The body of `POST /v1/chat` that matters; the rest of what the AI SDK sends is ignored. */
export interface ChatBody {
  id: string
  messages: UIMessage[]
  model: string | null
}

/** @throws {Refusal} 400 or 413 */
export async function readChatBody(request: Request): Promise<ChatBody> {
  const bytes = await readBody(request, MAX_CHAT_BYTES)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Refusal(400, 'bad-json', 'The body is not valid JSON in UTF-8.')
  }
  const parsed = v.safeParse(Body, json)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw new Refusal(400, 'bad-message', `${v.getDotPath(issue) ?? 'The body'}: ${issue.message}`)
  }
  const { id, messages, model } = parsed.output
  // An answer that was cancelled before its first word has no parts, and models refuse an empty turn.
  const spoken = messages.filter((message) => message.parts.length > 0)
  if (spoken.length === 0) throw new Refusal(400, 'bad-message', 'messages: not one of them says anything.')
  // The parts are checked once more, each by its kind, when they are made into the model's messages.
  return { id, messages: spoken as unknown as UIMessage[], model: model ?? null }
}
