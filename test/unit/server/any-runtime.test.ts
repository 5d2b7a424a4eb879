import { createContext, runInContext } from 'node:vm'
import { build } from 'vite'
import { expect, it } from 'vitest'

/** What a worker's runtime has; nothing of Node. */
const WEB = [
  ...['AbortController', 'AbortSignal', 'Blob', 'CompressionStream', 'DOMException', 'DecompressionStream', 'Event'],
  ...[
    'EventTarget',
    'FormData',
    'Headers',
    'ReadableStream',
    'Request',
    'Response',
    'TextDecoder',
    'TextDecoderStream',
  ],
  ...[
    'TextEncoder',
    'TextEncoderStream',
    'TransformStream',
    'URL',
    'URLSearchParams',
    'WritableStream',
    'atob',
    'btoa',
  ],
  ...['clearInterval', 'clearTimeout', 'console', 'crypto', 'fetch', 'performance', 'queueMicrotask', 'setInterval'],
  ...['setTimeout', 'structuredClone', 'ByteLengthQueuingStrategy', 'CountQueuingStrategy', 'MessageChannel'],
]

it('the handler runs where there is nothing of Node: a run of a model, and a producer, without a server', async () => {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['worker', 'browser', 'module', 'import', 'default'] },
    build: {
      write: false,
      minify: false,
      lib: { entry: 'src/server/index.ts', formats: ['iife'], name: 'headwater', fileName: 'server' },
    },
  })
  const [output] = Array.isArray(built) ? built : [built]
  if (output === undefined || !('output' in output)) throw new Error('Nothing was built.')
  const [{ code, imports }] = output.output
  // The bundler leaves a stub where a module of Node was asked for.
  expect([imports, code.match(/__vite-browser-external|require\("node:/g)]).toEqual([[], null])
  const globals = Object.fromEntries(WEB.map((name) => [name, (globalThis as Record<string, unknown>)[name]]))
  const context = createContext(globals)
  runInContext('globalThis.self = globalThis', context)
  runInContext(code.replace(/^(var|const|let) headwater/m, 'globalThis.headwater'), context)
  const said = (await runInContext(PROGRAM, context)) as string[]
  expect(said[0]).toContain('"delta":"hello from anywhere"')
  expect(said[0]).toContain('[DONE]')
  expect(said[1]).toBe('one two')
  expect(said[2]).toBe('undefined undefined')
}, 30_000)

const PROGRAM = `(async () => {
  const { createStreamHandler, MemoryStreamStore } = headwater
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } }
  const parts = [
    { type: 'stream-start', warnings: [] },
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'hello from anywhere' },
    { type: 'text-end', id: 't' },
    { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
  ]
  const stream = () => new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
  const model = {
    specificationVersion: 'v3', provider: 'test', modelId: 'test', supportedUrls: {},
    doStream: async () => ({ stream: stream() }),
  }
  const info = { id: 'm', provider: 'test', label: 'm', demo: false }
  const handler = createStreamHandler({ store: new MemoryStreamStore(), models: [{ info, model }] })
  const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }]
  const request = new Request('https://host/v1/chat', { method: 'POST', body: JSON.stringify({ id: 'c', messages }) })
  const chat = await (await handler.fetch(request)).text()
  const sink = await handler.channel('jobs').start({ id: '7' })
  await sink.write('one ')
  await sink.write('two')
  await sink.close()
  const log = await (await handler.fetch(new Request('https://host/v1/stream/jobs/7'))).text()
  await handler.close()
  return [chat, log, typeof process + ' ' + typeof Buffer]
})()`
