import type { ChannelInfo, RunInfo } from '../../protocol/http.ts'
import { chatRunPath, streamPath } from '../stream-path.ts'
import type { ChannelSummary, StreamInfo } from '../stream-store.ts'

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

/** A channel as the outside sees it. */
export function channelInfo(summary: ChannelSummary): ChannelInfo {
  return { channel: summary.channel, newest: runInfo(summary.newest), runs: summary.runs }
}
