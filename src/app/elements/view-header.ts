import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property } from 'lit/decorators.js'
import { icon } from '../lib/icons.ts'
import type { StatusFacts } from '../lib/status-words.ts'
import { controls } from '../styles/controls.ts'
import './status-badge.ts'

/** Head of a channel's view: the way back (on a phone), title, state, and in the slot what can be done. */
@customElement('hw-view-header')
export class ViewHeader extends LitElement {
  static override styles = [
    controls,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2) var(--space-3);
        align-items: center;
        min-height: 3.5rem;
        padding: var(--space-2) var(--space-4);
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }

      .back {
        display: none;
      }

      h1 {
        overflow: hidden;
        font-size: var(--text-l);
        line-height: 1.3;
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      .name {
        display: flex;
        flex: 1 1 12rem;
        gap: var(--space-3);
        align-items: center;
        min-width: 0;
      }

      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        align-items: center;
      }

      hw-status-badge {
        flex: none;
      }

      @media (max-width: 720px) {
        header {
          padding: var(--space-1) var(--space-2);
        }

        .back {
          display: inline-flex;
        }

        .name {
          flex-basis: 100%;
          gap: var(--space-1);
        }

        h1 {
          flex: 1;
        }
      }
    `,
  ]

  @property() heading = ''
  @property({ attribute: false }) facts: StatusFacts | null = null

  protected override render(): TemplateResult {
    return html`<header>
      <div class="name">
        <a class="button plain square back" href="/" aria-label="All channels">${icon('back')}</a>
        <h1 title=${this.heading}>${this.heading}</h1>
        ${this.facts ? html`<hw-status-badge .facts=${this.facts}></hw-status-badge>` : nothing}
      </div>
      <div class="actions"><slot></slot></div>
    </header>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-view-header': ViewHeader
  }
}
