import type { CancelFrame, HistoryFrame, PublishFrame, SocketAnswers } from '../../protocol/socket.ts'
import { cancelRun } from '../channels/cancel-run.ts'
import { runInfo, runList } from '../channels/channel-info.ts'
import { knownRuns } from '../channels/known-runs.ts'
import { parseListPage } from '../channels/list-page.ts'
import { checkChannel } from '../stream-path.ts'
import { publishEvent } from './event-log.ts'
import type { Handshake } from './handshake.ts'
import type { SocketServices } from './socket-services.ts'
import { Visitor } from './visitor.ts'

type Request = PublishFrame | CancelFrame | HistoryFrame
type Answer = SocketAnswers[Request['type']]

/** Does what a frame asks for that is no subscription. @throws {Refusal} */
export async function answerRequest(services: SocketServices, handshake: Handshake, frame: Request): Promise<Answer> {
  const { context } = services
  const visitor = new Visitor(context, handshake, frame.headers)
  const channel = checkChannel(frame.channel)
  switch (frame.type) {
    case 'publish': {
      await visitor.mayDoInChannel('append', channel)
      const published = await publishEvent(context, frame)
      if (!published.duplicate) context.counters.appends += 1
      return published
    }
    case 'cancel':
      await visitor.mayDoInChannel('cancel', channel)
      return { run: runInfo(await cancelRun(context, services.writers, channel, frame.run ?? null)) }
    case 'history':
      await visitor.mayDoInChannel('read', channel)
      return runList(channel, await knownRuns(context, channel), parseListPage(frame.limit?.toString(), frame.before))
  }
}
