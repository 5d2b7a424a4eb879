import type { Channel } from 'headwater'
import { stripAnsi } from './ansi.ts'

/** All that a stream holds now, read from the log: also what a view no longer keeps. */
export async function readWhole(channel: Channel, streamId: string, toSeq: number, separator = ''): Promise<Blob> {
  const parts: BlobPart[] = []
  if (toSeq > 0) {
    for await (const chunk of channel.read({ streamId, from: 'start', onGap: () => undefined })) {
      parts.push(chunk.data as BlobPart, separator)
      // A live stream would go on; what came later is not asked for.
      if (chunk.seq >= toSeq) break
    }
  }
  return new Blob(parts, { type: 'text/plain;charset=utf-8' })
}

/** A text without colours, on the clipboard. */
export async function copyWhole(blob: Blob): Promise<void> {
  const text = await blob.text()
  await navigator.clipboard.writeText(text.split('\n').map(stripAnsi).join('\n'))
}

/** Hands a file to the person. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
