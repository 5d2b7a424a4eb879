/** Longest prompt that is repeated in the answer, in characters. */
const MAX_QUOTE = 200
/** As far as a prompt can stretch the answer. */
const MAX_WORDS = 20_000

const PARAGRAPHS = [
  'A stream is a log. Whoever reads it, now or later, reads the same thing from the same place, and nobody has to be in the room when it is written.',
  'A reader is a cursor. It says which chunk it wants next, and gets everything from there on: what is already stored at once, the rest as it comes.',
  'So a reload costs nothing, a second tab costs nothing, and a lost connection costs only the time until the next one.',
  'What ends a stream is written in it. Silence is not an end, and neither is a closed tab.',
] as const

/** What the demo model says, and how it thinks about it first. */
export interface DemoAnswer {
  reasoning: string
  text: string
  /** After how many characters of the text it breaks off. */
  failsAt: number | null
}

/** The demo model's answer: the same for the same prompt. "in 500 words" makes it that long, "fail please" makes it fail on the way. */
export function demoAnswer(prompt: string): DemoAnswer {
  const quote = quoted(prompt)
  const words = wishedWords(prompt)
  const text = lengthen(base(quote), words)
  return {
    reasoning:
      `The user wrote ${quote}. No model is configured, so nobody can really answer that. ` +
      'I will show instead what an answer looks like: a heading, a list, a table and some code. ' +
      (words === null ? 'Short is enough.' : `They ask for about ${words} words, so I keep going for that long.`),
    text,
    failsAt: /fail please/i.test(prompt) ? Math.floor(text.length / 2) : null,
  }
}

function base(quote: string): string {
  return `## A demonstration

You wrote ${quote}. I am the **demo model** of this server: I understand nothing, but I stream like a real one.

### What you can try meanwhile

- Reload this page: the answer stays, and goes on.
- Open a second tab: it shows the *same* answer, live.
- Press Pause, and Continue a while later.

### How a run can end

| ending | meaning |
| --- | --- |
| \`done\` | the model finished |
| \`cancelled\` | somebody pressed Stop |
| \`error\` | something broke, and is told |

### The same in code

\`\`\`ts
import { connectHub } from 'headwater'

const chat = connectHub().channel('chat:42')
await chat.send({ url: '/v1/chat', method: 'POST', body })
for await (const chunk of chat.read({ from: 'start' })) console.log(chunk.data)
\`\`\`

To talk to a real model, start the server with \`OPENAI_API_KEY\`, \`ANTHROPIC_API_KEY\` or a running Ollama.
`
}

function quoted(prompt: string): string {
  // One line, and without what would begin code, markup or a table in the middle of the answer.
  const line = prompt.replace(/[\s`|<>*_#[\]]+/g, ' ').trim()
  if (line === '') return 'nothing'
  const characters = Array.from(line)
  return `“${characters.length > MAX_QUOTE ? `${characters.slice(0, MAX_QUOTE).join('')}…` : line}”`
}

function wishedWords(prompt: string): number | null {
  const match = /\b(\d{2,6})\s+words?\b/i.exec(prompt)
  return match === null ? null : Math.min(Number(match[1]), MAX_WORDS)
}

function lengthen(text: string, words: number | null): string {
  const parts = [text]
  let count = wordsIn(text)
  for (let turn = 0; words !== null && count < words; turn++) {
    const paragraph = PARAGRAPHS[turn % PARAGRAPHS.length] ?? ''
    const block =
      turn % PARAGRAPHS.length === 0
        ? `\n### Part ${turn / PARAGRAPHS.length + 1}\n\n${paragraph}\n`
        : `\n${paragraph}\n`
    parts.push(block)
    count += wordsIn(block)
  }
  return parts.join('')
}

function wordsIn(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}
