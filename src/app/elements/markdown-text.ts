import { LitElement, html } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, state } from 'lit/decorators.js'
import { repeat } from 'lit/directives/repeat.js'
import { splitBlocks } from '../lib/markdown-blocks.ts'
import { controls } from '../styles/controls.ts'
import { markdown } from '../styles/markdown.ts'

type Render = (text: string) => DocumentFragment

let loading: Promise<Render> | null = null
let loaded: Render | null = null

async function loadRender(): Promise<Render> {
  loading ??= import('../lib/markdown-render.ts').then((module) => (loaded = module.renderMarkdown))
  try {
    return await loading
  } catch (thrown) {
    // A lost network must not keep it plain for good.
    loading = null
    throw thrown
  }
}

const COPIED_MS = 1500

/** Markdown that may still grow: only its last block is rendered again. Plain text until the renderer has been loaded. */
@customElement('hw-markdown')
export class MarkdownText extends LitElement {
  static override styles = [controls, markdown]

  @property() text = ''
  @state() private render_: Render | null = loaded
  #rendered: { text: string; nodes: DocumentFragment }[] = []

  override connectedCallback(): void {
    super.connectedCallback()
    if (this.render_) return
    loadRender().then(
      (render) => (this.render_ = render),
      () => undefined,
    )
  }

  protected override render(): TemplateResult {
    const blocks = splitBlocks(this.text)
    this.#rendered.length = Math.min(this.#rendered.length, blocks.length)
    return html`<div @click=${this.#onClick}>
      ${repeat(
        blocks,
        (_, index) => index,
        (block, index) => html`<div class="block">${this.#nodes(block, index)}</div>`,
      )}
    </div>`
  }

  /** The same fragment for the same text: Lit then leaves what it inserted from it alone. */
  #nodes(text: string, index: number): DocumentFragment | string {
    if (!this.render_) return text
    const known = this.#rendered[index]
    if (known?.text === text) return known.nodes
    const nodes = this.render_(text)
    this.#rendered[index] = { text, nodes }
    return nodes
  }

  async #onClick(event: Event): Promise<void> {
    const button = event.target instanceof Element ? event.target.closest('button[data-copy]') : null
    const code = button?.closest('.code')?.querySelector('code')
    if (!button || !code) return
    try {
      await navigator.clipboard.writeText(code.textContent)
      button.textContent = 'Copied'
    } catch {
      button.textContent = 'Not allowed'
    }
    setTimeout(() => (button.textContent = 'Copy'), COPIED_MS)
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-markdown': MarkdownText
  }
}
