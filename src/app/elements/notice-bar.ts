import { LitElement, css, html } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import { icon } from '../lib/icons.ts'
import type { IconName } from '../lib/icons.ts'
import type { Tone } from '../lib/status-words.ts'
import { controls } from '../styles/controls.ts'

/** Something that concerns the whole page: what happened, what it means, what it waits for. Buttons go in the slot. */
@customElement('hw-notice')
export class NoticeBar extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }

      div {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2) var(--space-3);
        align-items: center;
        padding: var(--space-2) var(--space-4);
        border-bottom: 1px solid var(--line);
        font-size: var(--text-s);
      }

      p {
        flex: 1 1 16rem;
        color: var(--ink);
      }

      .warn {
        background: var(--tone-warn-ground);
        color: var(--tone-warn);
      }
      .bad {
        background: var(--tone-bad-ground);
        color: var(--tone-bad);
      }
      .live {
        background: var(--tone-live-ground);
        color: var(--tone-live);
      }
    `,
  ]

  @property() tone: Extract<Tone, 'warn' | 'bad' | 'live'> = 'warn'
  @property() icon: IconName = 'alert'
  @property() heading = ''
  @property() text = ''

  protected override render(): TemplateResult {
    return html`<div class=${this.tone}>
      ${icon(this.icon)}
      <p><strong>${this.heading}</strong> ${this.text}</p>
      <slot></slot>
    </div>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-notice': NoticeBar
  }
}
