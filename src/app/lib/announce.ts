/** Asks the shell to tell people who do not see the screen. The same words twice in a row are said once. */
export function announce(from: HTMLElement, text: string): void {
  from.dispatchEvent(new CustomEvent('hw-announce', { detail: text, bubbles: true, composed: true }))
}

declare global {
  interface HTMLElementEventMap {
    'hw-announce': CustomEvent<string>
  }
}
