import type { Channel } from 'headwater'
import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, query, state } from 'lit/decorators.js'
import { repeat } from 'lit/directives/repeat.js'
import { ConversationController } from '../controllers/conversation-controller.ts'
import type { Turn } from '../controllers/conversation-controller.ts'
import type { ServerReach } from '../controllers/feed-controller.ts'
import { announce } from '../lib/announce.ts'
import { errorText } from '../lib/error-text.ts'
import { icon } from '../lib/icons.ts'
import type { ModelList } from '../lib/server-api.ts'
import type { ServerRun } from '../lib/server-channels.ts'
import { describeStatus } from '../lib/status-words.ts'
import { titleOf } from '../lib/conversation.ts'
import { controls } from '../styles/controls.ts'
import './chat-composer.ts'
import './chat-exchange.ts'
import './verb-buttons.ts'
import './view-header.ts'

/** How near the end counts as at the end, in pixels. */
const END_SLACK = 48

/** A conversation with a model: the channel's history, and a place to write. */
@customElement('hw-chat-view')
export class ChatView extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: relative;
        display: flex;
        flex-direction: column;
        min-height: 0;
        height: 100%;
        background: var(--surface);
      }

      .scroller {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
        overflow-anchor: none;
      }

      .turns {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-6);
        max-width: 48rem;
        margin: 0 auto;
        padding: var(--space-5) var(--space-4);
      }

      .empty {
        display: grid;
        gap: var(--space-2);
        justify-items: center;
        padding: 12vh var(--space-4) 0;
        color: var(--ink-soft);
        text-align: center;
      }

      .empty h2 {
        color: var(--ink);
        font-size: var(--text-xl);
      }

      .foot {
        display: grid;
        gap: var(--space-2);
        padding: var(--space-2) var(--space-4) var(--space-4);
        border-top: 1px solid var(--line);
      }

      .verbs {
        display: flex;
        justify-content: center;
      }

      .jump {
        position: absolute;
        right: var(--space-5);
        bottom: 10rem;
        border-radius: 99px;
        box-shadow: var(--shadow);
      }

      @media (max-width: 720px) {
        .foot {
          padding: var(--space-2);
        }
      }
    `,
  ]

  @property({ attribute: false }) channel!: Channel
  /** The newest run on the server, where it has one. */
  @property({ attribute: false }) run: ServerRun | null = null
  @property({ attribute: false }) models: ModelList | null = null
  @property() model: string | null = null
  @property() reach: ServerReach = 'unknown'
  @state() private following = true
  @query('.scroller') private scroller!: HTMLElement

  readonly #conversation = new ConversationController(this)
  #lastTop = 0

  protected override willUpdate(): void {
    this.#conversation.follow(this.channel)
    const { turns, loaded } = this.#conversation
    if (loaded && turns.length === 0 && this.run) {
      // Where that fails, the view stays empty, and one may write.
      this.#conversation.join(this.run).catch(() => undefined)
    }
  }

  protected override render(): TemplateResult {
    const { turns, loaded } = this.#conversation
    const newest = turns.at(-1)
    // What is queued has its own button, beside the message.
    const active = turns.find(({ state }) => state.loading && state.status !== 'queued') ?? newest
    const first = turns.find(({ exchange }) => exchange.user)?.exchange.user
    return html`
      <hw-view-header
        .heading=${first ? titleOf(first.text) : 'New chat'}
        .facts=${newest?.state ?? null}
      ></hw-view-header>
      <div class="scroller" role="region" aria-label="Conversation" tabindex="0" @scroll=${this.#onScroll}>
        ${turns.length === 0 && loaded ? this.#renderEmpty() : nothing}
        <div class="turns">
          ${repeat(
            turns,
            ({ exchange }) => exchange.streamId,
            ({ exchange, state }) =>
              html`<hw-exchange
                data-stream-id=${exchange.streamId}
                .exchange=${exchange}
                .state=${state}
                @hw-cancel-queued=${() => this.#cancelQueued(exchange.streamId)}
              ></hw-exchange>`,
          )}
        </div>
      </div>
      ${
        this.following
          ? nothing
          : html`<button class="primary jump" type="button" @click=${this.#jump}>${icon('end')}Jump to end</button>`
      }
      <div class="foot">
        <div class="verbs">
          <hw-verbs
            .stream=${active?.view ?? null}
            .state=${active?.state.status === 'queued' ? null : (active?.state ?? null)}
            .retry=${active === newest ? () => this.channel.retry() : null}
            retryEnded
            @hw-verbs-gone=${this.#focusComposer}
          ></hw-verbs>
        </div>
        <hw-composer
          .models=${this.models}
          .model=${this.model}
          .blocked=${this.#blocked(newest)}
          .hint=${this.#hint(newest)}
          .send=${(text: string) => this.#send(text)}
        ></hw-composer>
      </div>
    `
  }

  protected override firstUpdated(): void {
    // On a phone the keyboard would cover what one came to read.
    if (matchMedia('(pointer: fine)').matches) this.#focusComposer()
    // Answers grow and Markdown arrives without this element rendering again.
    const observer = new ResizeObserver(() => this.#follow())
    const turns = this.renderRoot.querySelector('.turns')
    if (turns) observer.observe(turns)
  }

  protected override updated(): void {
    this.#follow()
    const state = this.#conversation.turns.at(-1)?.state
    if (state) announce(this, `Answer: ${describeStatus(state).label}`)
  }

  #renderEmpty(): TemplateResult {
    return html`<div class="empty">
      <h2>What would you like to know?</h2>
      <p>
        The answer streams into every tab of this chat and is kept in this browser, through reloads and without a
        network.
      </p>
    </div>`
  }

  #focusComposer(): void {
    this.renderRoot.querySelector('hw-composer')?.focus()
  }

  #blocked(newest: Turn | undefined): string {
    if (!this.#conversation.complete) return 'The conversation is being read.'
    if (newest?.state.loading && newest.state.status !== 'queued') return 'Wait for the end of the answer, or stop it.'
    if (this.models?.models.length === 0) return 'The server offers no model.'
    return ''
  }

  #hint(newest: Turn | undefined): string {
    if (newest?.state.status === 'queued') return 'It is sent after the messages that wait.'
    return this.reach === 'unreachable' ? 'It is queued here, and sent once the server can be reached.' : ''
  }

  async #cancelQueued(streamId: string): Promise<void> {
    this.#focusComposer()
    try {
      await this.#conversation.turns.find(({ exchange }) => exchange.streamId === streamId)?.view.cancel()
    } catch (thrown) {
      announce(this, errorText(thrown))
    }
  }

  async #send(text: string): Promise<void> {
    this.following = true
    await this.#conversation.send(text, this.model)
  }

  #follow(): void {
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight
  }

  // Growth also scrolls; only a move upwards is a person's wish to stay.
  #onScroll(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller
    if (scrollHeight - scrollTop - clientHeight <= END_SLACK) this.following = true
    else if (scrollTop < this.#lastTop) this.following = false
    this.#lastTop = scrollTop
  }

  #jump(): void {
    this.following = true
    this.#follow()
    // The button goes, and with it the focus.
    this.scroller.focus({ preventScroll: true })
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-chat-view': ChatView
  }
}
