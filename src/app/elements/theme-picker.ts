import { LitElement, html } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, state } from 'lit/decorators.js'
import { icon } from '../lib/icons.ts'
import type { IconName } from '../lib/icons.ts'
import { THEMES, chooseTheme, readTheme } from '../lib/theme.ts'
import type { Theme } from '../lib/theme.ts'
import { controls } from '../styles/controls.ts'

const LOOKS: Readonly<Record<Theme, { label: string; icon: IconName }>> = {
  system: { label: 'as the system', icon: 'system' },
  light: { label: 'light', icon: 'sun' },
  dark: { label: 'dark', icon: 'moon' },
}

/** One button that goes through the themes. */
@customElement('hw-theme-picker')
export class ThemePicker extends LitElement {
  static override styles = controls

  @state() private theme: Theme = readTheme()

  protected override render(): TemplateResult {
    const { label, icon: name } = LOOKS[this.theme]
    return html`<button
      type="button"
      class="plain square"
      aria-label=${`Colours: ${label}`}
      title=${`Colours: ${label}`}
      @click=${this.#next}
    >
      ${icon(name)}
    </button>`
  }

  #next(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'system'
    chooseTheme(this.theme)
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-theme-picker': ThemePicker
  }
}
