import type { Channel, Hub } from 'headwater'
import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import type { ServerReach } from '../controllers/feed-controller.ts'
import { CHAT_PREFIX } from '../lib/channel-list.ts'
import type { ChannelEntry } from '../lib/channel-list.ts'
import { errorText } from '../lib/error-text.ts'
import type { ModelList } from '../lib/server-api.ts'
import './chat-view.ts'
import './log-view.ts'
import './notice-bar.ts'
import './view-header.ts'

/** One channel, held for as long as this element is shown. The shell makes a new element for each channel. */
@customElement('hw-channel-view')
export class ChannelView extends LitElement {
  static override styles = css`
    :host {
      display: block;
      height: 100%;
      min-height: 0;
    }
  `

  @property({ attribute: false }) hub!: Hub
  @property() name = ''
  @property({ attribute: false }) entry: ChannelEntry | null = null
  @property({ attribute: false }) models: ModelList | null = null
  @property() model: string | null = null
  @property() reach: ServerReach = 'unknown'
  #channel: Channel | null = null
  #failure = ''

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#channel?.close()
    this.#channel = null
  }

  protected override willUpdate(): void {
    if (this.#channel || this.#failure !== '') return
    try {
      this.#channel = this.hub.channel(this.name)
    } catch (thrown) {
      // A name out of the address bar may be none.
      this.#failure = errorText(thrown)
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.#failure !== '') {
      return html`<hw-view-header heading="No such channel"></hw-view-header>
        <hw-notice tone="bad" heading="This cannot be a channel." .text=${this.#failure}></hw-notice>`
    }
    if (!this.#channel) return nothing
    if (this.name.startsWith(CHAT_PREFIX)) {
      return html`<hw-chat-view
        .channel=${this.#channel}
        .run=${this.entry?.newestRun ?? null}
        .models=${this.models}
        .model=${this.model}
        .reach=${this.reach}
      ></hw-chat-view>`
    }
    return html`<hw-log-view .hub=${this.hub} .channel=${this.#channel} .entry=${this.entry}></hw-log-view>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-channel-view': ChannelView
  }
}
