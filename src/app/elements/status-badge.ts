import { LitElement, css, html } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import { icon } from '../lib/icons.ts'
import { describeStatus } from '../lib/status-words.ts'
import type { StatusFacts } from '../lib/status-words.ts'
import { controls } from '../styles/controls.ts'

/** The state of a stream: colour, icon and words together. `data-status` on the host names the look. */
@customElement('hw-status-badge')
export class StatusBadge extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: inline-flex;
        min-width: 0;
      }

      span {
        display: inline-flex;
        align-items: center;
        gap: 0.35em;
        min-width: 0;
        padding: 0.15em 0.6em 0.15em 0.45em;
        border-radius: 99px;
        font-size: var(--text-s);
        font-weight: 550;
        line-height: 1.4;
        white-space: nowrap;
      }

      .quiet {
        background: var(--tone-quiet-ground);
        color: var(--tone-quiet);
      }
      .busy {
        background: var(--tone-busy-ground);
        color: var(--tone-busy);
      }
      .live {
        background: var(--tone-live-ground);
        color: var(--tone-live);
      }
      .warn {
        background: var(--tone-warn-ground);
        color: var(--tone-warn);
      }
      .good {
        background: var(--tone-good-ground);
        color: var(--tone-good);
      }
      .bad {
        background: var(--tone-bad-ground);
        color: var(--tone-bad);
      }

      .live .icon {
        animation: flow 1.8s ease-in-out infinite;
      }

      @keyframes flow {
        50% {
          transform: translateX(2px);
          opacity: 0.6;
        }
      }
    `,
  ]

  @property({ attribute: false }) facts: StatusFacts = { status: 'idle', ending: null }

  protected override render(): TemplateResult {
    const { key, tone, icon: name, label, detail } = describeStatus(this.facts)
    this.dataset['status'] = key
    return html`<span class=${tone} title=${detail}>${icon(name)}${label}</span>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-status-badge': StatusBadge
  }
}
