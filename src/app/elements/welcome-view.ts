import { LitElement, css, html } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement } from 'lit/decorators.js'
import { controls } from '../styles/controls.ts'

/** What is shown where no channel is: what this is, and how to begin. */
@customElement('hw-welcome')
export class WelcomeView extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        place-content: center;
        min-height: 100%;
        padding: var(--space-5);
      }

      div {
        display: grid;
        gap: var(--space-4);
        max-width: 34rem;
      }

      img {
        width: 4rem;
        height: 4rem;
      }

      h1 {
        font-size: 1.75rem;
        line-height: 1.2;
      }

      p {
        color: var(--ink-soft);
      }

      pre {
        margin: 0;
        padding: var(--space-3) var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface);
        font: var(--text-s) / 1.6 var(--font-mono);
        overflow-x: auto;
      }
    `,
  ]

  protected override render(): TemplateResult {
    return html`<div>
      <img src="/icon.svg" alt="" />
      <h1>One upstream, every tab</h1>
      <p>
        Choose a channel, start a chat, or pipe something in. What streams here is kept in this browser: reload, close
        the tab, lose the network, and it goes on from where it was.
      </p>
      <pre tabindex="0" role="region" aria-label="Command">npx headwater pipe build -- make</pre>
    </div>`
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-welcome': WelcomeView
  }
}
