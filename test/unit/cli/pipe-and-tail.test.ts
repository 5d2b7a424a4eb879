import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { descendantsOf } from '../../../src/cli/process-tree.ts'
import { buildCli, CliProcess, killLeftovers, TestServer } from './cli-process.ts'

let removeBuild: () => Promise<void>
let server: TestServer

beforeAll(async () => {
  removeBuild = await buildCli()
  server = await TestServer.start()
}, 60_000)

afterAll(async () => {
  await server.close()
  killLeftovers()
  await removeBuild()
})

interface Run {
  status: string
  ending: { kind: string; code?: string; exitCode?: number } | null
}
async function newest(channel: string): Promise<Run> {
  const { runs } = (await server.json(`/v1/channels/${channel}`)) as { runs: Run[] }
  return runs[0] ?? { status: 'none', ending: null }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A dead one keeps its number until somebody has looked at it, which the first process of a container may never do.
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('')

describe('pipe', { timeout: 60_000 }, () => {
  it('streams a command, shows its output here too, and returns its status', async () => {
    const pipe = server.run(
      'pipe',
      'ok',
      '--',
      'bash',
      '-c',
      'echo out; sleep 0.1; echo err >&2; sleep 0.1; printf "\\377\\000\\r\\n"',
    )
    expect(await pipe.exit).toBe(0)
    expect(pipe.out).toBe('out\nerr\n\xff\0\r\n')
    expect(await server.bytes('ok')).toBe(pipe.out)
    expect(await newest('ok')).toMatchObject({ status: 'done' })
  })

  it('keeps a failing exit status, for the stream and for the shell', async () => {
    const pipe = server.run('pipe', 'fails', '--quiet', '--', 'bash', '-c', 'echo a; exit 7')
    expect(await pipe.exit).toBe(7)
    expect(pipe.out).toBe('')
    expect(await newest('fails')).toMatchObject({
      status: 'error',
      ending: { kind: 'error', code: 'exit-status', exitCode: 7 },
    })
    const tail = server.run('tail', 'fails')
    expect(await tail.exit).toBe(7)
    expect(tail.out).toBe('a\n')
  })

  it('tells a command that was killed, and one that is not there', async () => {
    expect(await server.run('pipe', 'killed', '--', 'bash', '-c', 'kill -9 $$').exit).toBe(137)
    expect(await newest('killed')).toMatchObject({ ending: { kind: 'error', code: 'signal', exitCode: 137 } })
    const missing = server.run('pipe', 'missing', '--', 'no-such-command')
    expect(await missing.exit).toBe(127)
    expect(missing.err).toContain('no such command')
    expect(await newest('missing')).toMatchObject({ ending: { kind: 'error', exitCode: 127 } })
  })

  it('says why a command cannot be started, and ends its run', async () => {
    const folder = server.run('pipe', 'folder', '--', '/')
    expect(await folder.exit).toBe(126)
    expect(folder.err).toContain('permission denied')
    const inFile = server.run('pipe', 'in-file', '--', '/etc/passwd/tool')
    expect(await inFile.exit).toBe(126)
    expect(inFile.err).toMatch(/Cannot run "\/etc\/passwd\/tool": .*ENOTDIR/)
    for (const channel of ['folder', 'in-file']) {
      expect(await newest(channel)).toMatchObject({ ending: { kind: 'error', exitCode: 126 } })
    }
  })

  it('killed with -9, leaves a run that ends as lost; one that slept too long says what is not recorded', async () => {
    const pipes = ['gone', 'slept'].map((channel) =>
      server.run('pipe', channel, '--lease', '1', '--', 'bash', '-c', 'echo said; sleep 60'),
    )
    const [gone, slept] = pipes
    for (const pipe of pipes) await pipe.until(() => pipe.out === 'said\n')
    const tails = ['gone', 'slept'].map((channel) => server.run('tail', channel))
    for (const tail of tails) await tail.until(() => tail.out === 'said\n')
    gone?.child.kill('SIGKILL')
    slept?.child.kill('SIGSTOP')
    for (const tail of tails) expect(await tail.exit).toBe(1)
    expect(await newest('gone')).toMatchObject({ status: 'error', ending: { kind: 'error', code: 'producer-lost' } })
    slept?.child.kill('SIGCONT')
    expect(await slept?.exit).toBe(1)
    expect(slept?.err).toMatch(/longer than its lease.*What follows is not recorded/s)
    for (const lease of ['x', '-1', '90000']) {
      const refused = server.run('pipe', 'refused', '--lease', lease, '--', 'true')
      expect(await refused.exit).toBe(2)
      expect(refused.err).toContain('--lease must be 0 to 86400 seconds')
    }
  })

  it('takes an input without a byte, an output on stderr alone, and a line without end', async () => {
    const empty = server.run('pipe', 'empty')
    empty.child.stdin.end()
    expect(await empty.exit).toBe(0)
    expect([await server.bytes('empty'), (await newest('empty')).status]).toEqual(['', 'done'])
    expect(await server.run('pipe', 'stderr', '--', 'bash', '-c', 'echo only >&2').exit).toBe(0)
    expect(await server.bytes('stderr')).toBe('only\n')
    const line = server.run('pipe', 'line', '--quiet', '--', 'bash', '-c', 'head -c 5000000 /dev/zero | tr "\\0" x')
    expect(await line.exit).toBe(0)
    expect((await server.bytes('line')).length).toBe(5_000_000)
    const tail = server.run('tail', 'line')
    expect(await tail.exit).toBe(0)
    expect(tail.out.length).toBe(5_000_000)
  })

  it.each(['with space', 'a/b', '../..', 'größe 日本', '😀', '%2F', '?run=x#y', "it's"])(
    'takes the channel %s by its name',
    async (channel) => {
      const pipe = server.run('pipe', '--quiet', channel, '--', 'echo', 'here')
      expect([await pipe.exit, pipe.err]).toEqual([0, ''])
      const { channels } = (await server.json('/v1/channels')) as { channels: { channel: string }[] }
      expect(channels.map((each) => each.channel)).toContain(channel)
      const tail = server.run('tail', channel)
      expect([await tail.exit, tail.out]).toEqual([0, 'here\n'])
    },
  )

  it('waits for a server that is away at its start, and starts the command only then', async () => {
    const own = await TestServer.start()
    await own.interrupt()
    const pipe = own.run('pipe', 'early', '--', 'echo', 'here')
    await pipe.until(() => pipe.err.includes('Waiting for'))
    expect(pipe.out).toBe('')
    await own.start()
    expect(await pipe.exit).toBe(0)
    expect(await own.bytes('early')).toBe('here\n')
    await own.close()
  })

  it('streams standard input to its end', async () => {
    const pipe = server.run('pipe', 'stdin')
    pipe.child.stdin.write('a')
    await pipe.until(() => pipe.out === 'a')
    pipe.child.stdin.end('b')
    expect(await pipe.exit).toBe(0)
    expect(await server.bytes('stdin')).toBe('ab')
    expect(await newest('stdin')).toMatchObject({ status: 'done' })
  })

  it('passes an interrupt on to the command and ends as cancelled', async () => {
    const pipe = server.run(
      'pipe',
      'interrupted',
      '--',
      'bash',
      '-c',
      'trap "echo bye; exit 3" INT; echo on; while :; do sleep 0.02; done',
    )
    await pipe.until(() => pipe.out.includes('on'))
    pipe.kill('SIGINT')
    expect(await pipe.exit).toBe(130)
    expect(await server.bytes('interrupted')).toBe('on\nbye\n')
    expect(await newest('interrupted')).toMatchObject({ status: 'cancelled' })
  })

  it('stops a silent command when its run is cancelled from elsewhere', async () => {
    const pipe = server.run('pipe', 'elsewhere', '--', 'bash', '-c', 'echo on; exec sleep 1000')
    await pipe.until(() => pipe.out.includes('on'))
    const tail = server.run('tail', 'elsewhere')
    await tail.until(() => tail.out === 'on\n')
    expect(await server.run('cancel', 'elsewhere').exit).toBe(0)
    expect(await pipe.exit).toBe(1)
    expect(pipe.err).toContain('cancelled from elsewhere')
    expect(await tail.exit).toBe(130)
    expect(await server.run('cancel', 'elsewhere').exit).toBe(1)
  })

  it('stops what a shell has started, too, when its run is cancelled from elsewhere', async () => {
    const script = 'sleep 1000 & sh -c "sleep 1000; true" & echo $! on; wait; echo never'
    const pipe = server.run('pipe', 'family', '--', 'sh', '-c', script)
    await pipe.until(() => pipe.out.includes('on'))
    // The shell, its two children, and the sleep of the second.
    await expect.poll(() => descendantsOf(pipe.child.pid ?? 0).length).toBe(4)
    const children = descendantsOf(pipe.child.pid ?? 0).map(({ pid }) => pid)
    const cancel = server.run('cancel', 'family', '--json')
    expect(await cancel.exit).toBe(0)
    expect(JSON.parse(cancel.out)).toMatchObject({ status: 'cancelled' })
    expect(await pipe.exit).toBe(1)
    await expect.poll(() => children.filter(isAlive), { timeout: 20_000 }).toEqual([])
  })

  it('tells a program which run it was', async () => {
    const pipe = server.run('pipe', 'told', '--json', '--', 'sh', '-c', 'echo text; exit 7')
    expect(await pipe.exit).toBe(7)
    expect(JSON.parse(pipe.out)).toMatchObject({ channel: 'told', exitCode: 7 })
    expect(await (await fetch(server.url + (JSON.parse(pipe.out) as { url: string }).url)).text()).toBe('text\n')
  })

  it('passes every byte and every colour as it is', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7) % 256))
    const pipe = server.run('pipe', 'bytes')
    pipe.child.stdin.write(Buffer.concat([bytes, Buffer.from('\u001b[31mred\u001b[0m\r\n\0')]))
    pipe.child.stdin.end()
    expect(await pipe.exit).toBe(0)
    const tail = server.run('tail', 'bytes')
    expect(await tail.exit).toBe(0)
    expect(
      Buffer.from(tail.out, 'latin1').equals(Buffer.concat([bytes, Buffer.from('\u001b[31mred\u001b[0m\r\n\0')])),
    ).toBe(true)
  })

  it('starts a new run each time, and tail prints the newest', async () => {
    await server.run('pipe', 'again', '--', 'echo', 'one').exit
    await server.run('pipe', 'again', '--', 'echo', 'two').exit
    const tail = server.run('tail', 'again')
    expect(await tail.exit).toBe(0)
    expect(tail.out).toBe('two\n')
    expect(((await server.json('/v1/channels/again')) as { runs: unknown[] }).runs).toHaveLength(2)
  })

  it('holds back a command that is faster than the network, and loses nothing', async () => {
    const pipe = server.run('pipe', 'big', '--quiet', '--', 'bash', '-c', 'head -c 30000000 /dev/zero | tr "\\0" x')
    const tail = server.run('tail', 'big')
    expect(await pipe.exit).toBe(0)
    expect(await tail.exit).toBe(0)
    expect(tail.out).toHaveLength(30_000_000)
  })

  it('is exactly once through kill -9 of the server, in tail and in the log', async () => {
    const script = 'for i in $(seq 1 600); do echo "line $i"; sleep 0.005; done'
    const pipe = server.run('pipe', 'survivor', '--quiet', '--', 'bash', '-c', script)
    const tail = server.run('tail', 'survivor')
    await tail.until(() => tail.out.includes('line 50\n'))
    await server.kill()
    await Promise.all([
      pipe.until(() => pipe.err.includes('Waiting for')),
      tail.until(() => tail.err.includes('Waiting for')),
    ])
    await server.start()
    await tail.until(() => tail.out.includes('line 200\n'))
    await server.kill()
    await server.start()
    expect(await pipe.exit).toBe(0)
    expect(await tail.exit).toBe(0)
    expect(tail.out).toBe(lines(1, 600))
    expect(await server.bytes('survivor')).toBe(lines(1, 600))
    expect(pipe.err).toContain('answers again')
  })

  it('gives up at the second interrupt while the server is away', async () => {
    const away = new URL(server.url)
    const pipe = server.run(
      'pipe',
      'given-up',
      '--',
      'bash',
      '-c',
      'trap "" INT; echo on; sleep 0.3; echo off; sleep 1000',
    )
    await pipe.until(() => pipe.out.includes('on'))
    await server.kill()
    await pipe.until(() => pipe.err.includes('Waiting for'))
    pipe.kill('SIGINT')
    pipe.kill('SIGTERM')
    expect([130, 143]).toContain(await pipe.exit)
    expect(pipe.err).toContain('did not reach the server')
    await server.start(away.port)
  })
})

describe('tail', { timeout: 60_000 }, () => {
  it('waits for a first run', async () => {
    const tail = server.run('tail', 'later')
    await tail.until(() => tail.err.includes('Waiting for a first run'))
    await server.run('pipe', 'later', '--', 'echo', 'here').exit
    expect(await tail.exit).toBe(0)
    expect(tail.out).toBe('here\n')
  })

  it('begins where it is told to', async () => {
    const pipe = server.run('pipe', 'live')
    pipe.child.stdin.write('before\n')
    await pipe.until(() => pipe.out === 'before\n')
    while ((await server.bytes('live')) !== 'before\n');
    const tail = server.run('tail', 'live', '--from', 'live', '--json')
    await readers(1)
    pipe.child.stdin.end('after\n')
    expect(await tail.exit).toBe(0)
    const [chunk, ending] = tail.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(chunk).toMatchObject({ data: 'after\n' })
    expect(ending).toEqual({ ending: { kind: 'done' } })
  })

  it('prints a chat as its text', async () => {
    const message = { id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }
    await fetch(`${server.url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'talk', messages: [message] }),
    })
    const tail = server.run('tail', 'talk')
    expect(await tail.exit).toBe(0)
    expect(tail.out).toContain('| ')
    expect(tail.out).not.toContain('text-delta')
  })

  it('ends in order when nobody reads any longer', async () => {
    await server.run('pipe', 'long', '--quiet', '--', 'seq', '1', '200000').exit
    const tail = server.run('tail', 'long')
    await tail.until(() => tail.out.length > 0)
    tail.child.stdout.destroy()
    expect(await tail.exit).toBe(0)
  })

  /** Resolves once so many live readers are counted. */
  async function readers(wanted: number): Promise<void> {
    for (;;) {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      const counted = [...text.matchAll(/^headwater_stream_readers(?:\{[^}]*\})? (\d+)/gm)].map(([, n]) => Number(n))
      if (counted.reduce((sum, n) => sum + n, 0) >= wanted) return
    }
  }
})

describe('the command line', { timeout: 60_000 }, () => {
  it('lists channels for people and for programs', async () => {
    await server.run('pipe', 'listed', '--', 'bash', '-c', 'echo hello; exit 2').exit
    const table = server.run('ls')
    expect(await table.exit).toBe(0)
    expect(table.out).toMatch(/^CHANNEL +STATUS +RUNS +SIZE +CHANGED\nlisted +error \(2\) +1 +6 B +\d+ s ago\n/)
    const json = server.run('ls', '--json')
    await json.exit
    const { channels } = JSON.parse(json.out) as { channels: object[] }
    expect(channels[0]).toMatchObject({ channel: 'listed', runs: 1 })
  })

  it('serves until it is interrupted, and then ends in order although somebody reads', async () => {
    const own = await TestServer.start()
    const tail = own.run('tail', 'open')
    const pipe = own.run('pipe', 'open')
    pipe.child.stdin.write('on')
    await tail.until(() => tail.out === 'on')
    expect(await own.interrupt()).toBe(0)
    await tail.until(() => tail.err.includes('Waiting for http'))
    await own.start()
    pipe.child.stdin.end(' and on')
    expect(await tail.exit).toBe(0)
    expect(tail.out).toBe('on and on')
    await own.close()
  })

  it('does not serve from a folder that it cannot write', async () => {
    const refused = server.run('serve', '--port', '0', '--data', '/dev/null/headwater')
    expect(await refused.exit).toBe(1)
    expect(refused.err).toContain('/dev/null/headwater')
    expect(refused.err).not.toContain('    at ')
  })

  it.each([
    [['pipe', ''], 1, 'must not be empty'],
    [['pipe', 'a\tb', '--', 'true'], 1, 'control characters'],
    [['tail', 'x', '--form', 'live'], 2, 'Unknown flag --form'],
    [['ls', '--url', 'nonsense'], 2, 'no address'],
    [['cancel', 'never-was'], 1, 'no channel'],
    [['pipe', 'x', '--'], 2, 'no command behind'],
  ] as const)('refuses %j with a word about why', async (args, code, message) => {
    const cli = server.run(...args)
    cli.child.stdin.end()
    expect(await cli.exit).toBe(code)
    expect(cli.err).toContain(message)
  })

  it('starts no server on a port that is taken', async () => {
    const second = server.run('serve', '--store', 'memory', '--port', new URL(server.url).port)
    expect(await second.exit).toBe(1)
    expect(second.err).toMatch(/port/i)
  })

  it('says where it serves to a program, and what happens as records on stderr', async () => {
    const own = server.run('serve', '--port', '0', '--store', 'memory', '--host', '0.0.0.0', '--json')
    await own.until(() => own.out.includes('\n'))
    const { url, token, loginUrl } = JSON.parse(own.out) as { url: string; token: string; loginUrl: string }
    expect([token, own.out]).toEqual(['made', expect.not.stringContaining('█')])
    const secret = new URL(loginUrl).searchParams.get('token') ?? ''
    const authorized = new CliProcess(['ls', '--json'], { HEADWATER_URL: url, HEADWATER_TOKEN: secret })
    expect([await authorized.exit, authorized.out]).toEqual([0, expect.stringContaining('channels')])
    const refused = new CliProcess(['ls'], { HEADWATER_URL: url })
    expect([await refused.exit, refused.err]).toEqual([1, expect.stringContaining('HEADWATER_TOKEN')])
    own.kill('SIGTERM')
    expect(await own.exit).toBe(0)
    const records = own.err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string })
    expect(records.map(({ msg }) => msg)).toEqual(['listening', 'closing', 'closed'])
    expect(own.err).not.toContain(secret)
  })

  it.each(['serve', 'pipe', 'tail', 'ls', 'cancel'])('%s has help with examples and exit statuses', async (command) => {
    const help = server.run(command, '--help')
    expect(await help.exit).toBe(0)
    expect(help.out).toContain(`\nExamples\n`)
    expect(help.out).toContain('\nExit status: ')
    expect(help.out).toMatch(/--json/)
  })

  it('has help without colours where nobody sees them', async () => {
    const help = server.run('pipe', '--help')
    expect(await help.exit).toBe(0)
    expect(help.out).toContain('exactly once')
    expect(help.out).not.toContain('\u001b')
  })
})
