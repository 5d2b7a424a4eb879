import type { Histogram } from './figures.ts'
import type { Writers } from './producers/writers.ts'
import type { ServerContext } from './server-context.ts'
import type { SocketServer } from './socket/socket-server.ts'

/** A figure of whoever serves the handler: connections, memory. */
export interface Gauge {
  /** As Prometheus names it; ends in `_total` where it only rises. */
  readonly name: string
  readonly help: string
  readonly value: () => number
}

/** The figures in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function metricsText(
  context: ServerContext,
  writers: Writers,
  sockets: SocketServer | null,
  gauges: readonly Gauge[],
): string {
  const { readers, counters } = context
  const byStream = [...readers.open()].map(([stream, count]) => ({ labels: { stream }, value: count }))
  const all = byStream.reduce((sum, { value }) => sum + value, 0)
  const total = (name: string, help: string, value: number): string => metric(name, 'counter', help, [{ value }])
  return [
    metric('headwater_stream_readers', 'gauge', 'Live readers of a stream, by SSE, long-poll or socket.', byStream),
    metric('headwater_readers', 'gauge', 'Live readers of all streams.', [{ value: all }]),
    total('headwater_reads_total', 'Live reads since the start.', readers.total),
    metric('headwater_sockets', 'gauge', 'Open WebSockets.', [{ value: sockets?.size ?? 0 }]),
    metric('headwater_socket_page_bytes', 'gauge', 'Bytes of pages that are kept for WebSockets.', [
      { value: sockets?.pageBytes ?? 0 },
    ]),
    metric('headwater_model_runs', 'gauge', 'Model runs under way.', [{ value: writers.count('models') }]),
    metric('headwater_producers', 'gauge', 'Streams that this process writes as a producer.', [
      { value: writers.count('producers') },
    ]),
    metric(
      'headwater_model_runs_total',
      'counter',
      'Model runs of this process that ended, by how.',
      by('outcome', counters.runs),
    ),
    total('headwater_requests_total', 'Requests since the start.', counters.requests),
    total('headwater_appends_total', 'Appends over HTTP since the start.', counters.appends),
    total('headwater_appended_bytes_total', 'Bytes appended over HTTP since the start.', counters.appendedBytes),
    total(
      'headwater_delivered_bytes_total',
      'Bytes of records given to readers since the start.',
      counters.deliveredBytes,
    ),
    histogram(
      'headwater_delivery_lag_seconds',
      'Age of the newest record when a reader that waited for it is handed it.',
      counters.lag,
    ),
    metric(
      'headwater_errors_total',
      'counter',
      'Refusals and failures since the start, by their code.',
      by('code', counters.errors),
    ),
    ...gauges.map(({ name, help, value }) =>
      metric(name, name.endsWith('_total') ? 'counter' : 'gauge', help, [{ value: value() }]),
    ),
  ].join('')
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

function by(label: string, figures: ReadonlyMap<string, number>): Sample[] {
  return [...figures].map(([key, value]) => ({ labels: { [label]: key }, value }))
}

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => `${name}${labels === undefined ? '' : labelText(labels)} ${value}\n`)
  return `${head(name, type, help)}${lines.join('')}`
}

function histogram(name: string, help: string, { bounds, counts, sum }: Histogram): string {
  let count = 0
  const classes = [...bounds.map(String), '+Inf'].map((le, index) => {
    count += counts[index] ?? 0
    return `${name}_bucket${labelText({ le })} ${count}\n`
  })
  return `${head(name, 'histogram', help)}${classes.join('')}${name}_sum ${sum}\n${name}_count ${count}\n`
}

const head = (name: string, type: string, help: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
