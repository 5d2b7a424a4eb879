/** As much of a WebSocket as is needed here: the browser's own, or one of Node's packages. */
export interface WebSocketLike {
  binaryType: string
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  send(data: string): void
  close(): void
}

/** Opens a WebSocket. */
export type OpenWebSocket = (url: string, protocol?: string) => WebSocketLike

/** The address of a socket, by that of a page: schemes differ, the rest does not. */
export function socketUrl(url: string): string {
  return url.replace(/^http/, 'ws')
}
