import type { Gauge } from './metrics.ts'

/** What the process itself uses, under the names that dashboards for Prometheus know. */
export const PROCESS_GAUGES: readonly Gauge[] = [
  {
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process.',
    value: () => process.memoryUsage.rss(),
  },
  {
    name: 'process_heap_bytes',
    help: 'Heap in use.',
    value: () => process.memoryUsage().heapUsed,
  },
  {
    name: 'process_cpu_seconds_total',
    help: 'Processor time used.',
    value: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
  },
  {
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since the epoch.',
    value: () => Math.round(Date.now() / 1000 - process.uptime()),
  },
]
