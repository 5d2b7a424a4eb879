import type { Page } from '@playwright/test'

/** Names of Headwater's locks of one kind that are held in a page's origin: `tab` for clients that are attached, `hub`, `own` … */
export function heldLocks(page: Page, kind: string): Promise<string[]> {
  return page.evaluate(async (prefix) => {
    const { held = [] } = await navigator.locks.query()
    return held.flatMap(({ name }) => (name?.startsWith(prefix) === true ? [name] : []))
  }, `headwater:${kind}:`)
}

/** Clients that are attached to a hub of a page's origin. */
export const clientsOf = (page: Page): Promise<string[]> => heldLocks(page, 'tab')
