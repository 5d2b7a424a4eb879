import { describe, expect, test } from 'vitest'
import { mergeChannels } from '../../../src/app/lib/channel-list.ts'
import type { ServerChannel, ServerRun } from '../../../src/app/lib/server-channels.ts'
import { streamInfo } from './stream-info.ts'

function serverChannel(channel: string, run: Partial<ServerRun> = {}, runs = 1): [string, ServerChannel] {
  const newest: ServerRun = {
    run: '1',
    url: `/v1/stream/${encodeURIComponent(channel)}/1`,
    status: 'live',
    ending: null,
    contentType: 'text/plain',
    size: 0,
    createdAt: 10,
    updatedAt: 10,
    ...run,
  }
  return [channel, { channel, newest, runs }]
}

describe('mergeChannels', () => {
  test('has the channels of the server and those of this browser alone, but none of the app’s own', () => {
    const streams = [
      streamInfo({ streamId: 's1', channel: 'here', createdAt: 5 }),
      streamInfo({ streamId: 's2', channel: 'headwater:channels' }),
    ]
    expect(mergeChannels(new Map([serverChannel('there')]), streams).map(({ name }) => name)).toEqual(['there', 'here'])
  })

  test('the channel whose newest run began last comes first', () => {
    const server = new Map([serverChannel('old', { createdAt: 1 }), serverChannel('new', { createdAt: 2 })])
    expect(mergeChannels(server, []).map(({ name }) => name)).toEqual(['new', 'old'])
  })

  test('a run that was opened here shows this browser’s state of it, pause included', () => {
    const streams = [
      streamInfo({
        streamId: 's1',
        channel: 'build',
        status: 'stopped',
        url: 'http://127.0.0.1:4437/v1/stream/build/1',
      }),
    ]
    const [entry] = mergeChannels(new Map([serverChannel('build')]), streams)
    expect(entry?.facts.status).toBe('stopped')
  })

  test('a newer run on the server shows the server’s word, not that of an older stream here', () => {
    const streams = [
      streamInfo({ streamId: 's1', channel: 'build', status: 'done', url: 'http://127.0.0.1:4437/v1/stream/build/0' }),
    ]
    const ending = { kind: 'error', exitCode: 2 } as const
    const [entry] = mergeChannels(new Map([serverChannel('build', { status: 'error', ending }, 2)]), streams)
    expect(entry?.facts).toMatchObject({ status: 'error', ending })
    expect(entry?.runs).toBe(2)
  })

  test('a chat is named after its first message, and a log after its channel', () => {
    const meta = { user: { id: 'u', text: 'What is a log?\nPlease.' }, answerId: 'a' }
    const streams = [
      streamInfo({ streamId: 's1', channel: 'chat:1', meta }),
      streamInfo({ streamId: 's2', channel: 'log', meta }),
    ]
    expect(mergeChannels(new Map(), streams).map(({ title, kind }) => [title, kind])).toEqual([
      ['What is a log?', 'chat'],
      ['log', 'log'],
    ])
  })
})
