import type { Writers } from './producers/writers.ts'
import type { ServerContext } from './server-context.ts'

/** The figures in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function metricsText(context: ServerContext, writers: Writers, sockets: number): string {
  const { readers, counters } = context
  const byStream = [...readers.open()].map(([stream, count]) => ({ labels: { stream }, value: count }))
  const all = byStream.reduce((sum, { value }) => sum + value, 0)
  return [
    metric('headwater_stream_readers', 'gauge', 'Live readers of a stream, by SSE, long-poll or socket.', byStream),
    metric('headwater_readers', 'gauge', 'Live readers of all streams.', [{ value: all }]),
    metric('headwater_reads_total', 'counter', 'Live reads since the start.', [{ value: readers.total }]),
    metric('headwater_sockets', 'gauge', 'Open WebSockets.', [{ value: sockets }]),
    metric('headwater_model_runs', 'gauge', 'Model runs under way.', [{ value: writers.count('models') }]),
    metric('headwater_producers', 'gauge', 'Streams that this process writes as a producer.', [
      { value: writers.count('producers') },
    ]),
    metric('headwater_requests_total', 'counter', 'Requests since the start.', [{ value: counters.requests }]),
    metric('headwater_appends_total', 'counter', 'Appends over HTTP since the start.', [{ value: counters.appends }]),
    metric('headwater_appended_bytes_total', 'counter', 'Bytes appended over HTTP since the start.', [
      { value: counters.appendedBytes },
    ]),
  ].join('')
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => `${name}${labels === undefined ? '' : labelText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
