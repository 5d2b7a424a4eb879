import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import { repeat } from 'lit/directives/repeat.js'
import type { ChannelEntry } from '../lib/channel-list.ts'
import { formatCount, formatWhen } from '../lib/format.ts'
import { icon } from '../lib/icons.ts'
import { channelPath } from '../lib/routes.ts'
import { controls } from '../styles/controls.ts'
import './status-badge.ts'

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }

/** The channels. Links, so that they open in further tabs; arrow keys, Home and End move among them. */
@customElement('hw-channel-list')
export class ChannelList extends LitElement {
  static override styles = [
    controls,
    css`
      ul {
        margin: 0;
        padding: var(--space-2);
        list-style: none;
      }

      a {
        display: grid;
        grid-template-columns: auto 1fr auto;
        gap: var(--space-1) var(--space-2);
        align-items: center;
        min-height: var(--target);
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius-m);
        color: var(--ink);
        text-decoration: none;
      }

      a:hover {
        background: var(--surface-raised);
      }

      a[aria-current='page'] {
        background: var(--surface-chosen);
      }

      .kind {
        color: var(--ink-soft);
      }

      .title {
        overflow: hidden;
        font-weight: 550;
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      .log .title {
        font-family: var(--font-mono);
        font-size: var(--text-s);
      }

      .when,
      .runs {
        color: var(--ink-soft);
        font-size: var(--text-s);
      }

      .state {
        grid-column: 2 / -1;
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        align-items: center;
      }

      .empty {
        padding: var(--space-4);
        color: var(--ink-soft);
        font-size: var(--text-s);
      }
    `,
  ]

  @property({ attribute: false }) entries: readonly ChannelEntry[] = []
  /** Name of the channel that is shown. */
  @property() current: string | null = null
  /** Whether the list is known, so that an empty one is empty. */
  @property({ type: Boolean }) loaded = false

  protected override render(): TemplateResult {
    if (this.entries.length === 0) {
      return html`<p class="empty">
        ${this.loaded ? 'No channels yet. They appear here by themselves as soon as something is piped in.' : 'Looking for channels…'}
      </p>`
    }
    return html`<ul @keydown=${this.#onKeyDown}>
      ${repeat(
        this.entries,
        ({ name }) => name,
        (entry) => html`<li>${this.#renderEntry(entry)}</li>`,
      )}
    </ul>`
  }

  #renderEntry({ name, kind, title, facts, runs, startedAt }: ChannelEntry): TemplateResult {
    return html`<a
      class=${kind}
      href=${channelPath(name)}
      title=${name}
      aria-current=${name === this.current ? 'page' : nothing}
    >
      <span class="kind">${icon(kind === 'chat' ? 'chat' : 'terminal')}</span>
      <span class="title">${title}</span>
      <span class="when">${startedAt > 0 ? formatWhen(startedAt) : nothing}</span>
      <span class="state">
        <hw-status-badge .facts=${facts}></hw-status-badge>
        ${kind === 'log' && runs > 1 ? html`<span class="runs">${formatCount(runs, 'run')}</span>` : nothing}
      </span>
    </a>`
  }

  #onKeyDown(event: KeyboardEvent): void {
    const step = STEPS[event.key]
    if (step === undefined) return
    const links = [...this.renderRoot.querySelectorAll('a')]
    const at = links.findIndex((link) => link === this.shadowRoot?.activeElement)
    const to = Math.min(links.length - 1, Math.max(0, at + step))
    links[to]?.focus()
    event.preventDefault()
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-channel-list': ChannelList
  }
}
