import type { ChannelInfo, ChannelList, RunInfo, RunList } from '../../protocol/http.ts'
import { chatRunPath, streamPath } from '../stream-path.ts'
import type { ChannelSummary, StreamInfo } from '../stream-store.ts'
import { FIRST_PAGE, listPage } from './list-page.ts'
import type { ListPage } from './list-page.ts'

/** A run as the outside sees it. */
export function runInfo(info: StreamInfo): RunInfo {
  return {
    run: info.name.run,
    url: info.chat ? chatRunPath(info.name) : streamPath(info.name),
    status: info.ending === null ? 'live' : info.ending.kind,
    ending: info.ending,
    contentType: info.contentType,
    size: info.tail.byte,
    createdAt: info.createdAt,
    updatedAt: info.updatedAt,
  }
}

/** A page of the runs of a channel as the outside sees them. @param runs all of them, newest first */
export function runList(channel: string, runs: readonly StreamInfo[], page: ListPage = FIRST_PAGE): RunList {
  const { shown, rest } = listPage(runs, ({ id }) => id, page)
  return { channel, runs: shown.map(runInfo), ...rest }
}

/** A page of the channels as the outside sees them. @param summaries all of them, that of the newest run first */
export function channelList(summaries: readonly ChannelSummary[], page: ListPage = FIRST_PAGE): ChannelList {
  const { shown, rest } = listPage(summaries, ({ newest }) => newest.id, page)
  return { channels: shown.map(channelInfo), ...rest }
}

/** A channel as the outside sees it. */
export function channelInfo(summary: ChannelSummary): ChannelInfo {
  return { channel: summary.channel, newest: runInfo(summary.newest), runs: summary.runs }
}
