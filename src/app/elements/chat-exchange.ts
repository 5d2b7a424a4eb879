import type { Part, State } from 'headwater'
import { LitElement, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import type { Exchange } from '../lib/conversation.ts'
import { icon } from '../lib/icons.ts'
import { safeLink } from '../lib/safe-link.ts'
import { describeStatus } from '../lib/status-words.ts'
import { chatExchange } from '../styles/chat-exchange.ts'
import { controls } from '../styles/controls.ts'
import './markdown-text.ts'

/** States that the words of an answer speak for themselves in. */
const SELF_EVIDENT: ReadonlySet<string> = new Set(['done', 'live', 'idle'])

/** One turn: what a person wrote, and the answer, live or ended, from the same view. */
@customElement('hw-exchange')
export class ChatExchange extends LitElement {
  static override styles = [controls, chatExchange]

  @property({ attribute: false }) exchange: Exchange | null = null
  @property({ attribute: false }) state: State | null = null

  protected override render(): TemplateResult | typeof nothing {
    const { exchange, state } = this
    if (!exchange || !state) return nothing
    return html`
      ${
        exchange.user
          ? html`<div class="user">
              <h2 class="visually-hidden">You</h2>
              <p>${exchange.user.text}</p>
            </div>`
          : html`<p class="elsewhere">This was asked in another browser.</p>`
      }
      <div class="answer" aria-busy=${state.loading ? 'true' : 'false'}>
        <h2 class="visually-hidden">Answer</h2>
        ${state.parts.map((part, index) => this.#renderPart(part, index, state))}
        ${
          state.loading && state.status !== 'queued' && state.parts.every(isSilent)
            ? html`<p class="waiting">${icon('wave')}Waiting for the first word…</p>`
            : nothing
        }
        ${this.#renderStatus(state)}
      </div>
    `
  }

  #renderPart(part: Part, index: number, state: State): TemplateResult | typeof nothing {
    switch (part.type) {
      case 'text':
        return html`<hw-markdown .text=${part.text}></hw-markdown>`
      case 'reasoning':
        return this.#renderReasoning(part, index, state)
      case 'tool':
        return html`<details class="aside">
          <summary>Tool: ${part.name} (${TOOL_STATES[part.state]})</summary>
          <pre tabindex="0">${part.inputText}${part.errorText ? `\n${part.errorText}` : ''}</pre>
        </details>`
      case 'source':
      case 'file':
        return renderLink(part.url, part.type === 'source' ? (part.title ?? part.url) : `File (${part.mediaType})`)
      case 'data':
      case 'step':
        return nothing
    }
  }

  #renderReasoning({ text, state }: Extract<Part, { type: 'reasoning' }>, index: number, all: State): TemplateResult {
    const last = index === all.parts.length - 1
    const thinking = state === 'streaming' && all.loading && last
    // Open while there is nothing else to read; closed once, when the answer begins. What a person toggles after that stays.
    return html`<details class="aside" ?open=${thinking}>
      <summary>${thinking ? 'Reasoning…' : 'Reasoning'}</summary>
      <p class="reasoning">${text}</p>
    </details>`
  }

  #renderStatus(state: State): TemplateResult | typeof nothing {
    const { key, tone, icon: name, label, detail } = describeStatus(state)
    if (SELF_EVIDENT.has(key) || (key === 'connecting' && state.parts.length === 0)) return nothing
    return html`<p class="status ${tone}" data-status=${key}>
      ${icon(name)}<strong>${label}.</strong> ${detail}${key === 'queued' ? this.#renderCancel() : nothing}
    </p>`
  }

  #renderCancel(): TemplateResult {
    return html`<button type="button" @click=${() => this.dispatchEvent(new CustomEvent('hw-cancel-queued'))}>
      ${icon('stop')}Do not send
    </button>`
  }
}

const TOOL_STATES = {
  'input-streaming': 'writing its input',
  'input-available': 'running',
  'output-available': 'done',
  'output-error': 'failed',
} as const

function isSilent(part: Part): boolean {
  return part.type === 'step' || part.type === 'data' || ((part.type === 'text' || part.type === 'reasoning') && part.text === '') // prettier-ignore
}

function renderLink(url: string | undefined, label: string | undefined): TemplateResult | typeof nothing {
  const href = safeLink(url)
  if (!href) return label ? html`<p class="link">${label}</p>` : nothing
  return html`<p class="link"><a href=${href} target="_blank" rel="noopener noreferrer">${label ?? href}</a></p>`
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-exchange': ChatExchange
  }
  interface HTMLElementEventMap {
    /** The message that is queued is not to be sent. */
    'hw-cancel-queued': CustomEvent<null>
  }
}
