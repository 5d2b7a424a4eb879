import type { Hub } from 'headwater'
import { LitElement, html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { customElement, property, query, state } from 'lit/decorators.js'
import { keyed } from 'lit/directives/keyed.js'
import { nanoid } from 'nanoid'
import { FeedController } from '../controllers/feed-controller.ts'
import type { ServerReach } from '../controllers/feed-controller.ts'
import { HubController } from '../controllers/hub-controller.ts'
import { ModelsController } from '../controllers/models-controller.ts'
import { RouteController } from '../controllers/route-controller.ts'
import { UpdateController } from '../controllers/update-controller.ts'
import { CHAT_PREFIX, mergeChannels } from '../lib/channel-list.ts'
import type { ChannelEntry } from '../lib/channel-list.ts'
import { errorText } from '../lib/error-text.ts'
import { icon } from '../lib/icons.ts'
import { channelPath } from '../lib/routes.ts'
import { describeStatus } from '../lib/status-words.ts'
import { appShell } from '../styles/app-shell.ts'
import { controls } from '../styles/controls.ts'
import './channel-list.ts'
import './channel-view.ts'
import './notice-bar.ts'
import './notify-switch.ts'
import './theme-picker.ts'
import './welcome-view.ts'

/** The application: channels at the left, one of them at the right; on a phone one or the other. */
@customElement('hw-app')
export class AppShell extends LitElement {
  static override styles = [controls, appShell]

  @property({ attribute: false }) hub!: Hub
  /** Whether to register the service worker. */
  @property({ type: Boolean }) offline = false
  @state() private announcement = ''
  @query('main') private main!: HTMLElement
  @query('#channels') private listHeading!: HTMLElement

  readonly #route = new RouteController(this, () => this.#moveFocus())
  readonly #hub = new HubController(this, () => this.hub)
  readonly #feed = new FeedController(this, () => this.hub)
  readonly #models = new ModelsController(this)
  #update: UpdateController | null = null
  #reach: ServerReach = 'unknown'

  override connectedCallback(): void {
    this.#update ??= new UpdateController(this, this.offline)
    super.connectedCallback()
  }

  protected override willUpdate(): void {
    const { reach } = this.#feed
    if (reach === 'reachable' && this.#reach === 'unreachable') void this.#models.refresh()
    this.#reach = reach
  }

  protected override render(): TemplateResult {
    const entries = mergeChannels(this.#feed.channels, this.#hub.streams)
    const { route } = this.#route
    const current = route.screen === 'channel' ? route.channel : null
    const entry = entries.find(({ name }) => name === current) ?? null
    this.#setTitle(current, entry)
    return html`
      <div class="frame ${route.screen === 'channels' ? 'list' : 'view'}">
        <div class="notices" role="status">${this.#renderNotices()}</div>
        <nav aria-labelledby="channels">
          <button class="primary skip" type="button" @click=${this.#skip}>Skip to the content</button>
          <div class="brand">
            <a href="/" class="home"><img src="/icon.svg" alt="" width="28" height="28" />Headwater</a>
            <hw-theme-picker></hw-theme-picker>
          </div>
          <div class="head">
            <h2 id="channels" tabindex="-1">Channels</h2>
            <button type="button" @click=${this.#newChat}>${icon('plus')}New chat</button>
          </div>
          <hw-channel-list
            .entries=${entries}
            .current=${current}
            .loaded=${this.#feed.loaded || this.#reach === 'unreachable'}
          ></hw-channel-list>
          <hw-notify-switch></hw-notify-switch>
        </nav>
        <main id="main" tabindex="-1" aria-label=${entry?.title ?? current ?? 'Welcome'}>
          ${this.#renderMain(current, entry)}
        </main>
      </div>
      <div class="visually-hidden" role="status" aria-live="polite">${this.announcement}</div>
    `
  }

  #renderMain(current: string | null, entry: ChannelEntry | null): TemplateResult | unknown {
    if (this.#route.route.screen === 'unknown') {
      return html`<div class="nowhere">
        <h1>There is nothing at this address</h1>
        <p>${this.#route.route.path}</p>
        <a class="button" href="/">All channels</a>
      </div>`
    }
    if (current === null) return html`<hw-welcome></hw-welcome>`
    // A new element for each channel: nothing of one can be shown in another.
    return keyed(
      current,
      html`<hw-channel-view
        .hub=${this.hub}
        .name=${current}
        .entry=${entry}
        .models=${this.#models.list}
        .model=${this.#models.chosen}
        .reach=${this.#reach}
        @hw-model=${(event: CustomEvent<string>) => this.#models.choose(event.detail)}
        @hw-announce=${this.#onAnnounce}
      ></hw-channel-view>`,
    )
  }

  #renderNotices(): unknown[] {
    const { info } = this.#hub
    const failure = this.#hub.failure ?? this.#feed.hubFailure
    return [
      failure === null
        ? nothing
        : html`<hw-notice tone="bad" heading="Streams cannot be shown now." .text=${errorText(failure)}>
            <button type="button" @click=${() => location.reload()}>Reload</button>
          </hw-notice>`,
      this.#reach === 'unreachable' ? this.#renderUnreachable() : nothing,
      info?.durable === false
        ? html`<hw-notice
            heading="What arrives now is not stored."
            text="This browser gives no storage for it (a private window, or a full disk). It is shown all the same, and stored as soon as there is room; until then it is gone when the last tab closes."
          ></hw-notice>`
        : nothing,
      this.#renderUpdate(),
    ]
  }

  #renderUpdate(): TemplateResult | typeof nothing {
    const update = this.#update
    if (!update?.waiting) return nothing
    if (update.applying) {
      return html`<hw-notice
        tone="live"
        icon="wave"
        heading="The new version is starting."
        text="This can take half a minute. All tabs reload then; streams go on."
      ></hw-notice>`
    }
    return html`<hw-notice
      tone="live"
      icon="wave"
      heading="A new version is ready."
      text="All tabs reload; streams go on."
    >
      <button type="button" class="primary" @click=${() => update.apply()}>Reload</button>
      <button type="button" class="plain" @click=${() => update.dismiss()}>Later</button>
    </hw-notice>`
  }

  #renderUnreachable(): TemplateResult {
    const refused = this.#feed.state?.failure?.code === 'http' ? this.#feed.state.error : null
    const heading = navigator.onLine ? `The server at ${location.host} cannot be reached.` : 'You are offline.'
    const waits = navigator.onLine ? 'it answers again' : 'the network is back'
    return html`<hw-notice
      icon="cloudOff"
      .heading=${heading}
      .text=${refused ?? `Nothing is lost: all that was received is kept here. Streams go on by themselves as soon as ${waits}.`}
    ></hw-notice>`
  }

  #setTitle(current: string | null, entry: ChannelEntry | null): void {
    const state = entry && entry.facts.status !== 'idle' ? ` (${describeStatus(entry.facts).label})` : ''
    document.title = current === null ? 'Headwater' : `${entry?.title ?? current}${state} · Headwater`
  }

  #newChat(): void {
    this.#route.go(channelPath(`${CHAT_PREFIX}${nanoid()}`))
  }

  #onAnnounce(event: CustomEvent<string>): void {
    this.announcement = event.detail
  }

  #skip(): void {
    this.main.focus()
  }

  /** Where a page load would have put it. A view that has a better place takes the focus afterwards. */
  #moveFocus(): void {
    const target = this.#route.route.screen === 'channels' ? this.listHeading : this.main
    target.focus({ preventScroll: true })
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'hw-app': AppShell
  }
}
