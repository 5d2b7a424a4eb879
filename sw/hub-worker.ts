import { startHub } from '../src/hub/start-hub.ts'

declare const self: SharedWorkerGlobalScope

const starting = startHub('shared-worker', () => self.close())

// Set synchronously: after an await, or from a dynamic import, the first connect event would be lost (all engines).
self.onconnect = ({ ports: [port] }) => {
  if (port) void starting.then((hub) => hub.connect(port))
}
