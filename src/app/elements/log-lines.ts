import { VirtualizerController } from '@tanstack/lit-virtual'
import type { Channel } from 'headwater'
import { LitElement, html, nothing } from 'lit'
import type { PropertyValues, TemplateResult } from 'lit'
import { customElement, property, query, state } from 'lit/decorators.js'
import { repeat } from 'lit/directives/repeat.js'
import { LogController } from '../controllers/log-controller.ts'
import { formatCount } from '../lib/format.ts'
import { icon } from '../lib/icons.ts'
import { controls } from '../styles/controls.ts'
import { logLines } from '../styles/log-lines.ts'
import { renderLine } from './log-line.ts'

/** Height of a line in pixels; the same as the token `--log-line`. */
const LINE_HEIGHT = 20

/** How near the end counts as at the end, in pixels: fractional zoom never reaches it exactly. */
const END_SLACK = 24

/** How far the lines are. */
export interface LinesRead {
  /** Lines so far, those that are no longer kept included. */
  count: number
  /** The last seq that is among them. */
  seq: number
}

/** The lines of one stream: only those in sight are in the document. Follows the end until one scrolls away from it. */
@customElement('hw-log-lines')
export class LogLines extends LitElement {
  static override styles = [controls, logLines]

  @property({ attribute: false }) channel: Channel | null = null
  @property() streamId: string | null = null
  /** A chunk is a message: a line of its own. */
  @property({ type: Boolean }) linePerChunk = false
  @property({ type: Boolean }) wrap = false
  /** The stream has ended: a reader that fails then says how it ended, which the view shows already. */
  @property({ type: Boolean }) ended = false
  /** What an empty log says. */
  @property() placeholder = ''
  @state() private following = true
  @query('.scroller') private scroller!: HTMLElement

  readonly #log = new LogController(this)
  readonly #virtual = new VirtualizerController<HTMLElement, HTMLElement>(this, {
    count: 0,
    estimateSize: () => LINE_HEIGHT,
    getScrollElement: () => this.scroller,
    overscan: 20,
  })
  #dropped = 0

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('channel') || changed.has('streamId') || changed.has('linePerChunk')) {
      this.#log.follow(this.channel, this.streamId, this.linePerChunk)
      this.#dropped = 0
      this.following = true
    }
    const virtualizer = this.#virtual.getVirtualizer()
    if (changed.has('wrap')) virtualizer.measure()
    const { count } = this.#log.lines
    if (count !== virtualizer.options.count) virtualizer.setOptions({ ...virtualizer.options, count })
    // Known before the scroll event says so: else many new lines at once would leave the place where they belong empty for a frame.
    if (this.following && this.hasUpdated) {
      virtualizer.scrollOffset = Math.max(0, virtualizer.getTotalSize() - this.scroller.clientHeight)
    }
  }

  protected override render(): TemplateResult {
    const { lines, error } = this.#log
    const virtualizer = this.#virtual.getVirtualizer()
    const items = virtualizer.getVirtualItems()
    // Property bindings of `style` go through the CSSOM: a content security policy without inline styles lets them pass.
    return html`
      ${
        lines.dropped > 0
          ? html`<p class="notice">
              The first ${formatCount(lines.dropped, 'line')} are no longer in this view. Download has all of them.
            </p>`
          : nothing
      }
      <div
        class=${this.wrap ? 'scroller wrap' : 'scroller'}
        role="region"
        aria-label="Lines"
        tabindex="0"
        @scroll=${this.#onScroll}
      >
        ${lines.count === 0 ? html`<p class="placeholder">${this.placeholder}</p>` : nothing}
        <div class="all" .style=${`height:${virtualizer.getTotalSize()}px`}>
          <div class="shown" .style=${`transform:translateY(${items[0]?.start ?? 0}px)`}>
            ${repeat(
              items,
              ({ index }) => lines.dropped + index,
              ({ index }) => renderLine(lines.line(index), index),
            )}
          </div>
        </div>
      </div>
      ${error === null || this.ended ? nothing : html`<p class="notice bad" role="alert">${error}</p>`}
      ${
        this.following
          ? nothing
          : html`<button class="primary jump" type="button" @click=${this.#jump}>${icon('end')}Jump to end</button>`
      }
    `
  }

  protected override updated(): void {
    const { dropped, count } = this.#log.lines
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight
    else if (dropped > this.#dropped) this.scroller.scrollTop -= (dropped - this.#dropped) * LINE_HEIGHT
    this.#dropped = dropped
    if (this.wrap) {
      const virtualizer = this.#virtual.getVirtualizer()
      for (const line of this.renderRoot.querySelectorAll<HTMLElement>('.line')) virtualizer.measureElement(line)
    }
    this.dispatchEvent(new CustomEvent('hw-lines', { detail: { count: dropped + count, seq: this.#log.seq } }))
  }

  /** Puts the keyboard's focus on the lines. */
  focusLines(): void {
    this.scroller.focus({ preventScroll: true })
  }

  #atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller
    return scrollHeight - scrollTop - clientHeight <= END_SLACK
  }

  #lastTop = 0

  // Growth of the list also scrolls; only a move upwards is a person's wish to stay.
  #onScroll(): void {
    const { scrollTop } = this.scroller
    if (this.#atEnd()) this.following = true
    else if (scrollTop < this.#lastTop) this.following = false
    this.#lastTop = scrollTop
  }

  #jump(): void {
    this.following = true
    this.focusLines()
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-log-lines': LogLines
  }
  interface HTMLElementEventMap {
    'hw-lines': CustomEvent<LinesRead>
  }
}
