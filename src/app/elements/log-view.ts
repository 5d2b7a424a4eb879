import type { Channel, Hub, State } from 'headwater'
import { LitElement, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, state } from 'lit/decorators.js'
import { RunController } from '../controllers/run-controller.ts'
import { RunsController } from '../controllers/runs-controller.ts'
import { StreamController } from '../controllers/stream-controller.ts'
import type { ChannelEntry } from '../lib/channel-list.ts'
import { errorText } from '../lib/error-text.ts'
import { formatCount, formatWhen } from '../lib/format.ts'
import { icon } from '../lib/icons.ts'
import { copyWhole, readWhole, saveBlob } from '../lib/save-stream.ts'
import { describeStatus } from '../lib/status-words.ts'
import type { StatusFacts } from '../lib/status-words.ts'
import { announce } from '../lib/announce.ts'
import { controls } from '../styles/controls.ts'
import { logView } from '../styles/log-view.ts'
import type { LinesRead } from './log-lines.ts'
import './log-lines.ts'
import './verb-buttons.ts'
import './view-header.ts'

const JSON_TYPE = /^application\/json\b/i

/** A channel of lines: the newest run, following it to newer ones, or an earlier run that a person chose. */
@customElement('hw-log-view')
export class LogView extends LitElement {
  static override styles = [controls, logView]

  @property({ attribute: false }) hub!: Hub
  @property({ attribute: false }) channel!: Channel
  @property({ attribute: false }) entry: ChannelEntry | null = null
  /** Address of the run that a person chose; `null` follows the newest. */
  @state() private chosenUrl: string | null = null
  @state() private wrap = false
  @state() private read: LinesRead = { count: 0, seq: 0 }
  @state() private notice = ''

  readonly #run = new RunController(this, () => this.hub)
  readonly #runs = new RunsController(this)
  readonly #stream = new StreamController(this)

  protected override willUpdate(): void {
    const newest = this.entry?.newestRun ?? null
    if (this.chosenUrl === newest?.url) this.chosenUrl = null
    this.#run.show(this.channel, this.chosenUrl ?? newest?.url ?? null, this.chosenUrl === null)
    if (newest && this.entry && this.entry.runs > 1) this.#runs.follow(this.channel, `${newest.url} ${newest.status}`)
    const open = this.#run.open
    this.#stream.follow(open?.channel ?? null, open?.streamId ?? null)
  }

  protected override render(): TemplateResult {
    const state = this.#stream.state
    const open = this.#run.open
    // A run that was opened beside the channel is for reading alone.
    const hasVerbs = open?.channel === this.channel
    const isNewest = open?.streamId === this.entry?.newestStream?.streamId
    return html`
      <hw-view-header .heading=${this.channel.name} .facts=${this.#facts(state) ?? this.entry?.facts ?? null}>
        ${this.#renderRuns()}
        <hw-verbs
          .stream=${hasVerbs ? this.#stream.view : null}
          .state=${state}
          .retry=${isNewest ? () => this.channel.retry() : null}
          @hw-verbs-gone=${() => this.renderRoot.querySelector('hw-log-lines')?.focusLines()}
          @hw-restarted=${(event: CustomEvent<string>) => this.#run.replace(event.detail)}
        ></hw-verbs>
      </hw-view-header>
      <div class="tools" role="group" aria-label="Lines">
        <span class="count">${formatCount(this.read.count, 'line')}</span>
        ${this.notice === '' ? nothing : html`<span role="status">${this.notice}</span>`}
        <button
          type="button"
          class="plain"
          aria-pressed=${this.wrap ? 'true' : 'false'}
          @click=${() => (this.wrap = !this.wrap)}
        >
          ${icon('wrap')}<span class="label">Wrap</span>
        </button>
        <button type="button" class="plain" @click=${() => this.#whole('copy')}>
          ${icon('copy')}<span class="label">Copy all</span>
        </button>
        <button type="button" class="plain" @click=${() => this.#whole('save')}>
          ${icon('download')}<span class="label">Download</span>
        </button>
      </div>
      <hw-log-lines
        .channel=${open?.channel ?? null}
        .streamId=${open?.streamId ?? null}
        .linePerChunk=${this.#linePerChunk()}
        .wrap=${this.wrap}
        .ended=${state?.ending != null}
        .placeholder=${this.#placeholder(state)}
        @hw-lines=${this.#onLines}
      ></hw-log-lines>
      ${this.#renderFoot(this.#facts(state))}
    `
  }

  protected override updated(): void {
    const facts = this.#facts(this.#stream.state)
    if (facts) announce(this, `${this.channel.name}: ${describeStatus(facts).label}`)
  }

  /** An ending is shown with the last line, not before. */
  #facts(state: State | null): StatusFacts | null {
    return state?.ending && this.read.seq < state.seq ? { status: 'streaming', ending: null } : state
  }

  #onLines({ detail }: CustomEvent<LinesRead>): void {
    const { count, seq } = this.read
    if (detail.count !== count || detail.seq !== seq) this.read = detail
  }

  #renderRuns(): TemplateResult | typeof nothing {
    const { runs } = this.#runs
    if (runs.length < 2) return nothing
    const shown = this.chosenUrl ?? this.entry?.newestRun?.url
    // The server lists the newest ones only.
    const count = Math.max(this.entry?.runs ?? 0, runs.length)
    return html`<label>
      <span class="visually-hidden">Run</span>
      <select @change=${this.#onChoose}>
        ${runs.map(
          ({ url, facts, startedAt }, index) =>
            html`<option value=${url} ?selected=${url === shown}>
              ${index === 0 ? 'Newest run' : `Run ${count - index} of ${formatWhen(startedAt)}`}
              (${describeStatus(facts).label})
            </option>`,
        )}
      </select>
    </label>`
  }

  /** What a glance at the end of the log must tell: an ending, a pause, or a lost connection. */
  #renderFoot(facts: StatusFacts | null): TemplateResult | typeof nothing {
    if (this.#run.error !== null) {
      return html`<p class="foot bad" role="alert">${icon('alert')}<strong>Not opened.</strong> ${this.#run.error}</p>`
    }
    if (!facts || facts.status === 'streaming' || facts.status === 'idle') return nothing
    const { tone, icon: name, label, detail } = describeStatus(facts)
    return html`<p class="foot ${tone}">${icon(name)}<strong>${label}.</strong> ${detail}</p>`
  }

  #linePerChunk(): boolean {
    const chosen = this.#runs.runs.find(({ url }) => url === this.chosenUrl)
    const contentType = this.chosenUrl
      ? chosen?.contentType
      : (this.entry?.newestRun?.contentType ?? this.entry?.newestStream?.contentType)
    return JSON_TYPE.test(contentType ?? '')
  }

  #placeholder(state: State | null): string {
    if (!this.#run.open) return this.entry ? 'Opening…' : 'Nothing has been piped into this channel yet.'
    if (!state || state.loading) return 'Waiting for the first line…'
    return 'This run has no output.'
  }

  #onChoose(event: Event): void {
    const url = (event.target as HTMLSelectElement).value
    this.chosenUrl = url === this.entry?.newestRun?.url ? null : url
  }

  async #whole(what: 'copy' | 'save'): Promise<void> {
    const open = this.#run.open
    const seq = this.#stream.state?.seq ?? 0
    if (!open) return
    try {
      const blob = await readWhole(open.channel, open.streamId, seq, this.#linePerChunk() ? '\n' : '')
      if (what === 'save') saveBlob(blob, `${this.channel.name.replace(/[^\w.-]+/g, '_')}.log`)
      else await copyWhole(blob)
      this.notice = what === 'copy' ? 'Copied' : ''
    } catch (thrown) {
      this.notice = errorText(thrown)
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-log-view': LogView
  }
}
