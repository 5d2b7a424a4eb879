import { html, nothing } from 'lit'
import type { TemplateResult } from 'lit'
import { paletteColour } from '../lib/ansi.ts'
import type { AnsiColour, AnsiSegment, AnsiStyle } from '../lib/ansi.ts'
import { formatCount } from '../lib/format.ts'
import type { LogLine } from '../lib/line-buffer.ts'

const FLAGS = ['bold', 'dim', 'italic', 'underline', 'strike', 'inverse'] as const

function className(style: AnsiStyle): string {
  const names: string[] = FLAGS.filter((flag) => style[flag])
  if (typeof style.fg === 'number' && style.fg < 16) names.push(`fg-${style.fg}`)
  if (typeof style.bg === 'number' && style.bg < 16) names.push(`bg-${style.bg}`)
  return names.join(' ')
}

/** A colour that no class has; made of numbers only, so nothing of the stream gets into the style. */
function declaration(property: string, colour: AnsiColour | undefined): string {
  if (colour === undefined || (typeof colour === 'number' && colour < 16)) return ''
  return `${property}:${typeof colour === 'number' ? paletteColour(colour) : colour};`
}

function renderSegment({ text, style }: AnsiSegment): TemplateResult | string {
  const own = style.bg === undefined && declaration('--own', style.fg)
  const name = `${className(style)}${own ? ' own' : ''}`.trim()
  const inline = own || declaration('color', style.fg) + declaration('background-color', style.bg)
  if (name === '' && inline === '') return text
  return inline === ''
    ? html`<span class=${name}>${text}</span>`
    : html`<span class=${name} .style=${inline}>${text}</span>`
}

/** One line with its number. `index` is its place in the virtual list, which measures it by `data-index`. */
export function renderLine(line: LogLine | undefined, index: number): TemplateResult | typeof nothing {
  if (!line) return nothing
  // An empty line still has a height.
  const text = line.segments.length === 0 ? '\u200b' : line.segments.map(renderSegment)
  const hidden =
    line.hidden > 0 ? html`<span class="dim"> … ${formatCount(line.hidden, 'more character')}</span>` : nothing
  return html`<div class=${line.note ? 'line note' : 'line'} data-index=${index}>
    <span class="number" aria-hidden="true">${line.number}</span><span class="text">${text}</span>${hidden}
  </div>`
}
