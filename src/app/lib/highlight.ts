import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'

const LANGUAGES = { bash, css, diff, javascript, json, python, rust, sql, typescript, xml }
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language)

/** Above this many characters colours cost more than they tell: about 20 ms of work. */
const MAX_LENGTH = 20_000

/** Colours a code element in place, where its language is known. highlight.js escapes the text that it is given. */
export function highlightCode(code: Element, language: string): void {
  const text = code.textContent
  if (!hljs.getLanguage(language) || text.length > MAX_LENGTH) return
  const template = document.createElement('template')
  template.innerHTML = hljs.highlight(text, { language, ignoreIllegals: true }).value
  code.replaceChildren(template.content)
}
