import { Refusal } from '../answers.ts'
import type { Writers } from '../producers/writers.ts'
import type { ServerContext } from '../server-context.ts'
import type { StreamInfo } from '../stream-store.ts'
import { knownRuns } from './known-runs.ts'

/**
 * Cancels a channel's live run, or the one that is named: whoever cancels an old run must not hit the new one that started meanwhile.
 * @throws {Refusal} 404 or 409
 */
export async function cancelRun(
  context: ServerContext,
  writers: Writers,
  channel: string,
  run: string | null,
): Promise<StreamInfo> {
  const known = await knownRuns(context, channel)
  const live = known.find((info) => (run === null ? info.ending === null : info.name.run === run))
  if (live === undefined) {
    throw run === null
      ? new Refusal(409, 'not-live', 'No run of this channel is live.')
      : new Refusal(404, 'unknown-run', 'The channel has no such run.')
  }
  await writers.cancel(live.name)
  const after = await context.store.info(live.name)
  return typeof after === 'string' ? live : after
}
