import DOMPurify from 'dompurify'
import type { Config } from 'dompurify'
import MarkdownIt from 'markdown-it'
import { highlightCode } from './highlight.ts'

// Loaded lazily, as a whole: parser, sanitiser and colours come in one chunk that a page without a chat never asks for.

const parser = new MarkdownIt({ html: false, linkify: true, typographer: false })

/** A picture from elsewhere would tell a stranger that, when and where this was read (and may carry text out); so it becomes a link. */
parser.renderer.rules['image'] = (tokens, index) => {
  const token = tokens[index]
  const source = String(token?.attrGet('src') ?? '')
  const label = token?.content || 'picture'
  const escape = parser.utils.escapeHtml
  return `<a href="${escape(source)}">${escape(label)}</a>`
}

// A table's columns say their alignment as an inline style, which the content security policy refuses; so a class says it.
const ALIGNMENT = /^text-align:(center|right)$/
for (const rule of ['th_open', 'td_open']) {
  parser.renderer.rules[rule] = (tokens, index, options, _, renderer) => {
    const token = tokens[index]
    if (token === undefined) return ''
    const alignment = ALIGNMENT.exec(String(token.attrGet('style') ?? ''))?.[1]
    token.attrs = alignment === undefined ? null : [['class', alignment]]
    return renderer.renderToken(tokens, index, options)
  }
}

const purifier = DOMPurify(window)
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (!(node instanceof HTMLAnchorElement)) return
  node.target = '_blank'
  node.rel = 'noopener noreferrer'
})

const ALLOWED = {
  ALLOWED_TAGS: ['a', 'blockquote', 'br', 'code', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'li', 'ol', 'p', 'pre', 's', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'], // prettier-ignore
  ALLOWED_ATTR: ['href', 'title', 'class', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  RETURN_DOM_FRAGMENT: true,
} satisfies Config

/** A box around a code block, with its language and a button that `HwMarkdown` listens to. */
function frameCode(pre: Element): void {
  const code = pre.querySelector('code')
  const language = /\blanguage-([\w+#.-]+)/.exec(code?.className ?? '')?.[1] ?? ''
  const frame = document.createElement('div')
  frame.className = 'code'
  const head = document.createElement('div')
  head.className = 'code-head'
  const label = document.createElement('span')
  label.textContent = language === '' ? 'code' : language
  const button = document.createElement('button')
  button.type = 'button'
  button.dataset['copy'] = ''
  button.textContent = 'Copy'
  head.append(label, button)
  pre.replaceWith(frame)
  // Reachable by keyboard, because it scrolls sideways.
  pre.setAttribute('tabindex', '0')
  pre.setAttribute('role', 'region')
  pre.setAttribute('aria-label', language === '' ? 'Code' : `Code, ${language}`)
  frame.append(head, pre)
  if (code) highlightCode(code, language)
}

/** Markdown as nodes, safe to insert: no HTML of the author's, no script, no picture, links that know nothing of this page. */
export function renderMarkdown(text: string): DocumentFragment {
  const fragment = purifier.sanitize(parser.render(text), ALLOWED) as unknown as DocumentFragment
  for (const pre of fragment.querySelectorAll('pre')) frameCode(pre)
  for (const table of fragment.querySelectorAll('table')) {
    const frame = document.createElement('div')
    frame.className = 'table'
    frame.tabIndex = 0
    frame.setAttribute('role', 'region')
    frame.setAttribute('aria-label', 'Table')
    table.replaceWith(frame)
    frame.append(table)
  }
  return fragment
}
