import type { ChannelInfo, RunInfo, RunList } from '../../protocol/http.ts'
import { MAX_LISTED_RUNS } from '../limits.ts'
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

/** The runs of a channel as the outside sees them. @param runs all of them, newest first */
export function runList(channel: string, runs: readonly StreamInfo[]): RunList {
  const older = runs.length - MAX_LISTED_RUNS
  return { channel, runs: runs.slice(0, MAX_LISTED_RUNS).map(runInfo), ...(older > 0 && { older }) }
}

/** A channel as the outside sees it. */
export function channelInfo(summary: ChannelSummary): ChannelInfo {
  return { channel: summary.channel, newest: runInfo(summary.newest), runs: summary.runs }
}
