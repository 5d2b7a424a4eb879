// A process of its own: `load.js <LoadJob as JSON>`. Tells its parent the result.
import { loadAppends } from './append-load.ts'
import { loadCatchUp } from './catch-up-load.ts'
import type { LoadJob } from './messages.ts'
import { loadSse } from './sse-load.ts'

function run(job: LoadJob): Promise<object> {
  switch (job.what) {
    case 'sse':
      return loadSse(job)
    case 'append':
      return loadAppends(job)
    case 'catch-up':
      return loadCatchUp(job)
  }
}

const result = await run(JSON.parse(process.argv[2] ?? '') as LoadJob)
process.send?.(result, () => process.exit(0))
