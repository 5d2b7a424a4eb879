import type { Writers } from '../producers/writers.ts'
import type { StreamName } from '../stream-store.ts'
import type { RunRequest } from './run-model.ts'
import { runModel } from './run-model.ts'

/** Starts a run of a model, or joins the one of that name. @throws {HeadwaterError} `busy`, `closed` */
export async function startRun(
  writers: Writers,
  name: StreamName,
  request: RunRequest,
): Promise<'started' | 'joined' | 'taken'> {
  const opened = await writers.open(name, { contentType: 'application/json', chat: true })
  if (opened.kind === 'opened') {
    void runModel(request, opened.log)
    return 'started'
  }
  // Ended runs are in conflict with an open one of the same name; they are the same run all the same.
  return opened.info?.chat === true ? 'joined' : 'taken'
}
