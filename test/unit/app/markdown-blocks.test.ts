import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitBlocks } from '../../../src/app/lib/markdown-blocks.ts'

describe('splitBlocks', () => {
  test('paragraphs are blocks', () => {
    expect(splitBlocks('one\ntwo\n\nthree')).toEqual(['one\ntwo\n\n', 'three'])
  })

  test('a fence is one block, blank lines inside included, until it closes', () => {
    expect(splitBlocks('````js\na\n\n```\n\nb\n\n```` js\n\nc')).toHaveLength(1)
    expect(splitBlocks('```js\na\n\nb\n```\n\nafter')).toEqual(['```js\na\n\nb\n```\n\n', 'after'])
    expect(splitBlocks('~~~~\n~~~\n\n~~~~\n\nafter')).toHaveLength(2)
  })

  test('a loose list stays one block, and its continuation with it', () => {
    expect(splitBlocks('1. a\n\n2. b\n\n   more\n\nafter it')).toEqual(['1. a\n\n2. b\n\n   more\n\n', 'after it'])
  })

  test('a start that may become a list item stays with the list until it is decided', () => {
    expect(splitBlocks('1. a\n\n2')).toHaveLength(1)
    expect(splitBlocks('1. a\n\n2 is no item')).toHaveLength(2)
    expect(splitBlocks('- a\n\n-')).toHaveLength(1)
  })

  test('concatenated, the blocks are the text, and a closed block never changes as text grows', () => {
    const piece = fc.constantFrom('a', 'b c', '\n', '\n\n', '- ', '1', '. ', '```', '~~~', '> ', '    ', '\t', '|', '#')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        let text = ''
        let before: string[] = []
        for (const piece of pieces) {
          text += piece
          const blocks = splitBlocks(text)
          expect(blocks.join('')).toBe(text)
          const closed = before.slice(0, -1)
          expect(blocks.slice(0, closed.length)).toEqual(closed)
          before = blocks
        }
      }),
      { numRuns: 500 },
    )
  })
})
