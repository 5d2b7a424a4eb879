import { svg } from 'lit'
import type { SVGTemplateResult } from 'lit'

// Drawn on a grid of 24, strokes of 2, round ends. `currentColor` throughout.
const PATHS = {
  alert: svg`<path d="M12 3 2 20h20zM12 10v4m0 3v.01"/>`,
  back: svg`<path d="m14 6-6 6 6 6"/>`,
  bell: svg`<path d="M6 16v-5a6 6 0 0 1 12 0v5l1.500 2h-15zM10 21h4"/>`,
  chat: svg`<path d="M4 5h16v11H11l-4 4v-4H4z"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  circle: svg`<circle cx="12" cy="12" r="7" stroke-dasharray="2.5 3"/>`,
  clock: svg`<circle cx="12" cy="12" r="8"/><path d="M12 8v4l3 2"/>`,
  cloudOff: svg`<path d="M8 8a5 5 0 0 1 9 2 4 4 0 0 1 2.5 6.500M5.5 10A4 4 0 0 0 7 18h9M4 4l16 16"/>`,
  copy: svg`<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M15 5.500A1.5 1.5 0 0 0 13.5 4h-8A1.5 1.5 0 0 0 4 5.500v8A1.5 1.5 0 0 0 5.5 15"/>`,
  cross: svg`<circle cx="12" cy="12" r="8"/><path d="m9.5 9.5 5 5m0-5-5 5"/>`,
  download: svg`<path d="M12 4v11m-5-4.5 5 5 5-5M5 20h14"/>`,
  end: svg`<path d="M12 4v13m-5-5 5 5 5-5M6 21h12"/>`,
  history: svg`<path d="M4 12a8 8 0 1 0 2.5-5.800M4 4v4h4m4 0v4l3 2"/>`,
  moon: svg`<path d="M19 14.500A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.500z"/>`,
  pause: svg`<path d="M9 6v12m6-12v12"/>`,
  play: svg`<path d="M8 5.500v13l10-6.500z"/>`,
  plus: svg`<path d="M12 5v14m-7-7h14"/>`,
  retry: svg`<path d="M19.5 12A7.5 7.5 0 1 1 17 6.400M20 3v4.500h-4.5"/>`,
  send: svg`<path d="M12 20V5m-6 6 6-6 6 6"/>`,
  stop: svg`<rect x="6.5" y="6.5" width="11" height="11" rx="1.5"/>`,
  sun: svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v1.500m0 15V21m9-9h-1.500m-15 0H3m15.400-6.400-1 1m-10.800 10.800-1 1m12.800 0-1-1M6.600 6.600l-1-1"/>`,
  system: svg`<rect x="3" y="5" width="18" height="12" rx="2"/><path d="M9 21h6"/>`,
  terminal: svg`<path d="m5 8 4 4-4 4m7 1h7"/>`,
  unplugged: svg`<path d="M8 4v4m8-4v4M6 8h12v3a6 6 0 0 1-6 6 6 6 0 0 1-6-6zm6 9v4M3 21 21 3"/>`,
  wave: svg`<path d="M3 9.500c3-3 6-3 9 0s6 3 9 0M3 15.500c3-3 6-3 9 0s6 3 9 0"/>`,
  wrap: svg`<path d="M4 6h16M4 12h13a3 3 0 0 1 0 6h-4m2.5-2.500L13 18l2.5 2.500M4 18h5"/>`,
} as const

export type IconName = keyof typeof PATHS

/** An icon in the colour and size (1.25em) of the text around it. It is decoration: the words stand beside it or in a label. */
export function icon(name: IconName): SVGTemplateResult {
  return svg`<svg class="icon" viewBox="0 0 24 24" width="1.25em" height="1.25em" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${PATHS[name]}</svg>`
}
