import { LitElement, css, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, state } from 'lit/decorators.js'
import { icon } from '../lib/icons.ts'
import { chooseNotify, readNotify } from '../lib/notify-setting.ts'
import type { NotifySetting } from '../lib/notify-setting.ts'
import { controls } from '../styles/controls.ts'

const WHY: Readonly<Record<NotifySetting, string>> = {
  on: '',
  off: '',
  blocked: 'Notifications are blocked for this site. Allow them in the browser’s settings for it, then come back.',
  impossible: '',
}

/** Whether a notification says that a stream has ended, while no window of the app is looked at. Off until a person wants it. */
@customElement('hw-notify-switch')
export class NotifySwitch extends LitElement {
  static override styles = [
    controls,
    css`
      button {
        justify-content: flex-start;
        width: 100%;
        border-color: transparent;
        background: transparent;
        text-align: start;
        white-space: normal;
      }

      .label {
        flex: 1;
      }

      .track {
        flex: none;
        width: 2.25rem;
        height: 1.25rem;
        padding: 2px;
        border: 1px solid var(--ink-soft);
        border-radius: 99px;
      }

      .knob {
        display: block;
        width: calc(1rem - 2px);
        height: calc(1rem - 2px);
        border-radius: 50%;
        background: var(--ink-soft);
      }

      [aria-checked='true'] .track {
        border-color: var(--accent);
        background: var(--accent);
      }

      [aria-checked='true'] .knob {
        margin-inline-start: auto;
        background: var(--surface);
      }

      p {
        padding: 0 var(--space-3) var(--space-2);
        color: var(--ink-soft);
        font-size: var(--text-s);
      }
    `,
  ]

  @state() private setting: NotifySetting = 'impossible'

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('visibilitychange', this.#read)
    void this.#read()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('visibilitychange', this.#read)
  }

  protected override render(): TemplateResult | typeof nothing {
    const { setting } = this
    if (setting === 'impossible') return nothing
    return html`<button
        type="button"
        role="switch"
        aria-checked=${setting === 'on' ? 'true' : 'false'}
        aria-describedby="why"
        @click=${this.#toggle}
      >
        ${icon('bell')}
        <span class="label">Notify me when a stream ends</span>
        <span class="track" aria-hidden="true"><span class="knob"></span></span>
      </button>
      <p id="why" role="status" ?hidden=${WHY[setting] === ''}>${WHY[setting]}</p>`
  }

  // The permission may have been changed in the browser's settings, the choice in another tab.
  readonly #read = async (): Promise<void> => {
    this.setting = await readNotify()
  }

  async #toggle(): Promise<void> {
    try {
      this.setting = await chooseNotify(this.setting !== 'on')
    } catch {
      // Storage is closed to us: nothing can be kept, so nothing is promised.
      this.setting = 'impossible'
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-notify-switch': NotifySwitch
  }
}
