/** A list item, a quote or an indented line: what may belong to the block before it across a blank line. */
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/
const INDENTED = /^(?: {2,}|\t)/
/** Too short to tell whether it will be a list item. */
const UNDECIDED = /^\s*(?:[-*+]|\d{1,9}[.)]?)?\s*$/
const FENCE = /^ {0,3}(`{3,}|~{3,})/

/**
 * Splits Markdown at blank lines between top-level blocks, so that only the last block needs to be rendered again while text grows.
 *
 * Concatenated, the blocks are the text. A block that has another one after it never changes as text is appended: that is what makes it safe to
 * keep its rendering. So where a line is too short to tell (`1` may become `1. item`), it stays in the block before it.
 */
export function splitBlocks(text: string): string[] {
  const blocks: string[] = []
  let blockStart = 0
  let fence: string | null = null
  let inList = false
  let blank = false
  let at = 0
  while (at < text.length) {
    const lineEnd = text.indexOf('\n', at)
    const complete = lineEnd !== -1
    const line = text.slice(at, complete ? lineEnd : undefined)
    if (fence !== null) {
      const close = FENCE.exec(line)?.[1]
      if (close?.startsWith(fence) && line.trim() === close) fence = null
    } else if (line.trim() === '') {
      blank = at > blockStart
    } else {
      const isItem = LIST_ITEM.test(line)
      const decided = complete || !UNDECIDED.test(line)
      if (blank && decided && !INDENTED.test(line) && !(inList && isItem)) {
        blocks.push(text.slice(blockStart, at))
        blockStart = at
        inList = false
      }
      if (isItem) inList = true
      blank = false
      fence = FENCE.exec(line)?.[1] ?? null
    }
    if (!complete) break
    at = lineEnd + 1
  }
  if (blockStart < text.length) blocks.push(text.slice(blockStart))
  return blocks
}
