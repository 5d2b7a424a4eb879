import type { State, StreamView } from 'headwater'
import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, state } from 'lit/decorators.js'
import { errorText } from '../lib/error-text.ts'
import { icon } from '../lib/icons.ts'
import type { IconName } from '../lib/icons.ts'
import { controls } from '../styles/controls.ts'

type VerbName = 'stop' | 'resume' | 'cancel' | 'retry'

const BUTTONS: Readonly<Record<VerbName, { label: string; icon: IconName; hint: string }>> = {
  stop: {
    label: 'Pause',
    icon: 'pause',
    hint: 'Stop reading in all tabs; the source goes on, and you can continue here',
  },
  resume: { label: 'Continue', icon: 'play', hint: 'Go on from here in all tabs' },
  cancel: { label: 'Stop', icon: 'stop', hint: 'End it for good: the source is told to stop' },
  retry: { label: 'Try again', icon: 'retry', hint: 'Start anew from the same source' },
}

/** The verbs that a stream's state allows, on that stream, whatever its channel's newest is by then. They act in all tabs. */
@customElement('hw-verbs')
export class VerbButtons extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: contents;
      }

      .row {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        align-items: center;
      }

      .failure {
        color: var(--tone-bad);
        font-size: var(--text-s);
      }
    `,
  ]

  /** The stream that is shown; `null` offers nothing. */
  @property({ attribute: false }) stream: StreamView | null = null
  @property({ attribute: false }) state: State | null = null
  /** Starts the stream anew; `null` where it is not its channel's newest, which alone can be. */
  @property({ attribute: false }) retry: (() => Promise<string>) | null = null
  /** Whether a run that ended can be tried again. A log's run has ended for good: reading it again would say the same. */
  @property({ type: Boolean }) retryEnded = false
  @state() private failure = ''
  #busy = false
  #hadFocus = false

  protected override willUpdate(): void {
    this.#hadFocus = this.shadowRoot?.activeElement != null
  }

  protected override render(): TemplateResult | typeof nothing {
    const verbs = this.#verbs()
    if (verbs.length === 0 && this.failure === '') return nothing
    return html`<div class="row">
      ${verbs.map((verb) => {
        const { label, icon: name, hint } = BUTTONS[verb]
        return html`<button type="button" title=${hint} @click=${() => this.#act(verb)}>${icon(name)}${label}</button>`
      })}
      ${this.failure === '' ? nothing : html`<span class="failure" role="alert">${this.failure}</span>`}
    </div>`
  }

  /** A verb takes its own button away. The next one has the focus then, or the view finds a place for it. */
  protected override updated(): void {
    if (!this.#hadFocus || this.shadowRoot?.activeElement) return
    const button = this.renderRoot.querySelector('button')
    if (button) button.focus()
    else this.dispatchEvent(new CustomEvent('hw-verbs-gone'))
  }

  #verbs(): VerbName[] {
    const { stream, retry, state } = this
    if (!stream || !state) return []
    const open =
      state.ending === null && (state.loading || state.status === 'stopped' || state.status === 'disconnected')
    return [
      ...(state.loading ? (['stop'] as const) : []),
      ...(state.canResume && !state.loading ? (['resume'] as const) : []),
      ...(open ? (['cancel'] as const) : []),
      ...(retry && state.canRetry && !state.loading && (this.retryEnded || !state.ending) ? (['retry'] as const) : []),
    ]
  }

  async #act(verb: VerbName): Promise<void> {
    const { stream, retry } = this
    // Not disabled meanwhile: a button that is would lose the focus.
    if (!stream || this.#busy) return
    this.#busy = true
    this.failure = ''
    try {
      if (verb !== 'retry') await stream[verb]()
      else if (retry) this.dispatchEvent(new CustomEvent('hw-restarted', { detail: await retry() }))
    } catch (thrown) {
      this.failure = errorText(thrown)
    } finally {
      this.#busy = false
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-verbs': VerbButtons
  }
  interface HTMLElementEventMap {
    /** A retry made a new stream; `detail` is its id. */
    'hw-restarted': CustomEvent<string>
    /** The button that had the focus is gone, and there is no other. */
    'hw-verbs-gone': CustomEvent<null>
  }
}
