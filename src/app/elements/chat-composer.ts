import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, query, state } from 'lit/decorators.js'
import { errorText } from '../lib/error-text.ts'
import { icon } from '../lib/icons.ts'
import type { ModelList } from '../lib/server-api.ts'
import { controls } from '../styles/controls.ts'

/** Longest message, in bytes of UTF-8: it is kept in the stream's `meta`, which takes 64 kB as JSON. */
const MAX_BYTES = 48_000

/** Where a message is written. Enter sends, Shift+Enter makes a new line. A draft may be written at any time, sent only when nothing stands against it. */
@customElement('hw-composer')
export class ChatComposer extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: var(--space-2);
        max-width: 48rem;
        margin: 0 auto;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-l);
        background: var(--surface);
      }

      form:focus-within {
        border-color: var(--accent);
      }

      textarea {
        display: block;
        width: 100%;
        min-height: 2.5rem;
        max-height: 40vh;
        padding: var(--space-2) var(--space-1);
        border: 0;
        background: transparent;
        resize: none;
        field-sizing: content;
      }

      textarea:focus-visible {
        outline: none;
      }

      textarea::placeholder {
        color: var(--ink-soft);
      }

      .row {
        display: flex;
        gap: var(--space-2);
        align-items: center;
      }

      .row label {
        min-width: 0;
      }

      .why {
        flex: 1;
        color: var(--ink-soft);
        font-size: var(--text-s);
      }

      @media (max-width: 720px) {
        .row {
          flex-wrap: wrap;
          justify-content: space-between;
        }

        .why:not(:empty) {
          flex: 1 1 100%;
          order: -1;
        }
      }

      .why.bad {
        color: var(--tone-bad);
      }
    `,
  ]

  /** Sends a message. The draft is the next one's from then on; where it rejects, the text comes back to it. */
  @property({ attribute: false }) send: (text: string) => Promise<void> = () => Promise.resolve()
  /** Why nothing can be sent now; empty where it can. */
  @property() blocked = ''
  /** What will become of a message that is sent now, where that is not plain. */
  @property() hint = ''
  @property({ attribute: false }) models: ModelList | null = null
  @property() model: string | null = null
  @state() private draft = ''
  @state() private sending = false
  @state() private failure = ''
  @query('textarea') private field!: HTMLTextAreaElement

  /** Puts the cursor into the field. */
  override focus(): void {
    void this.updateComplete.then(() => this.field.focus())
  }

  protected override render(): TemplateResult {
    const why =
      this.failure || this.blocked || (this.#isTooLong() ? 'This message is too long: at most 48 kB.' : this.hint)
    // Not disabled: a button that is would lose the focus, each time that it sends.
    return html`<form @submit=${this.#onSubmit}>
      <textarea
        rows="1"
        aria-label="Message"
        aria-describedby="why"
        placeholder="Write a message"
        enterkeyhint="send"
        .value=${this.draft}
        @input=${() => (this.draft = this.field.value)}
        @keydown=${this.#onKeyDown}
      ></textarea>
      <div class="row">
        ${this.#renderModels()}
        <span id="why" class=${this.failure ? 'why bad' : 'why'} role="status">${why}</span>
        <button class="primary" type="submit" aria-disabled=${this.#canSend() ? 'false' : 'true'}>
          ${icon('send')}Send
        </button>
      </div>
    </form>`
  }

  #isTooLong(): boolean {
    return new TextEncoder().encode(this.draft).length > MAX_BYTES
  }

  #canSend(): boolean {
    return !this.sending && this.blocked === '' && this.draft.trim() !== '' && !this.#isTooLong()
  }

  #renderModels(): TemplateResult | typeof nothing {
    if (!this.models || this.models.models.length === 0) return nothing
    return html`<label>
      <span class="visually-hidden">Model</span>
      <select @change=${this.#onChoose}>
        ${this.models.models.map(
          ({ id, label, demo }) =>
            html`<option value=${id} ?selected=${id === this.model}>
              ${label}${demo && !/demo/i.test(label) ? ' (demo)' : ''}
            </option>`,
        )}
      </select>
    </label>`
  }

  #onChoose(event: Event): void {
    const { value } = event.target as HTMLSelectElement
    this.dispatchEvent(new CustomEvent('hw-model', { detail: value, bubbles: true, composed: true }))
  }

  #onKeyDown(event: KeyboardEvent): void {
    // While a word is being composed (Japanese, Chinese …) Enter belongs to the input method.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    this.renderRoot.querySelector('form')?.requestSubmit()
  }

  async #onSubmit(event: Event): Promise<void> {
    event.preventDefault()
    if (!this.#canSend()) return
    const text = this.draft.trim()
    this.sending = true
    this.failure = ''
    // At once: what is written from here on belongs to the next message.
    this.draft = ''
    try {
      await this.send(text)
    } catch (thrown) {
      this.draft = this.draft === '' ? text : `${text}\n${this.draft}`
      this.failure = errorText(thrown)
    } finally {
      this.sending = false
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-composer': ChatComposer
  }
  interface HTMLElementEventMap {
    /** A model was chosen; `detail` is its id. */
    'hw-model': CustomEvent<string>
  }
}
