import type { Meaning } from '../protocol/dialect.ts'
import type { Part, Usage } from '../protocol/state.ts'

type TextKind = 'text' | 'reasoning'
type TextPart = Extract<Part, { type: TextKind }>
type ToolPart = Extract<Part, { type: 'tool' }>

/**
 * Folds what chunks mean into a message. Its parts are immutable: one that did not change keeps its identity from one reading to the next,
 * so a view may compare by reference. A delta costs its own length (engines append strings as ropes), a reading the number of parts.
 */
export class MessageBuilder {
  #parts: Part[] = []
  // Where a delta goes: the place of the part that its kind and id opened last. Upstreams reuse ids from one step to the next.
  #open = new Map<string, number>()
  #snapshot: readonly Part[] | null = null
  #text: string | null = ''
  #usage: Usage | undefined

  /** Applies meanings in the order of their chunks. */
  apply(meanings: readonly Meaning[]): void {
    for (const meaning of meanings) this.#applyOne(meaning)
  }

  /** All text so far, without reasoning. */
  get text(): string {
    if (this.#text === null) {
      this.#text = ''
      for (const part of this.#parts) if (part.type === 'text') this.#text += part.text
    }
    return this.#text
  }

  /** The parts so far: the same array until something changes. */
  get parts(): readonly Part[] {
    return (this.#snapshot ??= this.#parts.slice())
  }

  /** The latest word on what the answer cost; `undefined` before the first. */
  get usage(): Usage | undefined {
    return this.#usage
  }

  #applyOne(meaning: Meaning): void {
    switch (meaning.type) {
      case 'text':
      case 'reasoning': {
        const at = this.#find(meaning.type, meaning.id)
        const part = this.#parts[at] as TextPart
        this.#set(at, { ...part, text: part.text + meaning.delta })
        break
      }
      case 'text-start':
      case 'reasoning-start':
        this.#openText(meaning.type === 'text-start' ? 'text' : 'reasoning', meaning.id)
        break
      case 'text-end':
      case 'reasoning-end':
        this.#closeText((meaning.type === 'text-end' ? 'text' : 'reasoning') + ' ' + (meaning.id ?? ''))
        break
      case 'tool-start':
        this.#setTool(meaning.id, { name: meaning.name })
        break
      case 'tool-input':
        this.#setTool(meaning.id, {}, meaning.delta)
        break
      case 'tool-call':
        this.#setTool(meaning.id, { name: meaning.name, input: meaning.input, state: 'input-available' })
        break
      case 'tool-output':
        this.#setTool(meaning.id, { output: meaning.output, state: 'output-available' })
        break
      case 'tool-error':
        this.#setTool(meaning.id, { errorText: meaning.errorText, state: 'output-error' })
        break
      case 'data': {
        // A data part with an id is replaced by the next one of that name and id.
        const key = meaning.id === undefined ? null : `data ${meaning.name} ${meaning.id}`
        this.#put(key, meaning)
        break
      }
      case 'source':
      case 'file':
      case 'step':
        this.#put(null, meaning)
        break
      case 'reset-step':
        this.#resetStep()
        break
      case 'usage':
        this.#usage = { ...this.#usage, ...meaning.usage }
        break
      case 'error':
        // The ending tells it: an error is no part of the message.
        break
    }
  }

  #set(at: number, part: Part): void {
    this.#parts[at] = part
    this.#snapshot = null
    this.#text = null
  }

  #put(key: string | null, part: Part): number {
    const at = (key === null ? undefined : this.#open.get(key)) ?? this.#parts.length
    if (key !== null) this.#open.set(key, at)
    this.#set(at, part)
    return at
  }

  /** Place of the open part that a delta belongs to; opens one where there is none. */
  #find(type: TextKind, id: string | undefined): number {
    return this.#open.get(type + ' ' + (id ?? '')) ?? this.#openText(type, id)
  }

  #openText(type: TextKind, id: string | undefined): number {
    // Where upstream names no parts, a switch from reasoning to text (or back) is what ends the one before.
    if (id === undefined) for (const kind of ['text ', 'reasoning ']) this.#closeText(kind)
    this.#open.delete(type + ' ' + (id ?? ''))
    return this.#put(type + ' ' + (id ?? ''), { type, ...(id !== undefined && { id }), text: '', state: 'streaming' })
  }

  #closeText(key: string): void {
    const at = this.#open.get(key)
    if (at === undefined) return
    this.#open.delete(key)
    this.#set(at, { ...(this.#parts[at] as TextPart), state: 'done' })
  }

  #setTool(id: string, change: Partial<ToolPart>, delta = ''): void {
    const at = this.#open.get('tool ' + id)
    const blank: ToolPart = { type: 'tool', id, name: '', state: 'input-streaming', inputText: '' }
    const part = at === undefined ? blank : (this.#parts[at] as ToolPart)
    this.#put('tool ' + id, { ...part, ...change, inputText: part.inputText + delta })
  }

  #resetStep(): void {
    const kept = this.#parts.findLastIndex((part) => part.type === 'step') + 1
    this.#parts.length = kept
    for (const [key, at] of this.#open) if (at >= kept) this.#open.delete(key)
    this.#snapshot = this.#text = null
  }
}
