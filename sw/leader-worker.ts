import { serveLobby } from '../src/hub/serve-lobby.ts'
import { startHub } from '../src/hub/start-hub.ts'
import { LOBBY_CHANNEL } from '../src/protocol/names.ts'

declare const self: DedicatedWorkerGlobalScope

// The hub of the leader tier: a dedicated worker of the tab that leads. It ends with that tab, or by the tab's `terminate()`.
const starting = startHub('leader-tab', () => self.close()).then(({ hub }) => hub)
serveLobby(starting, new BroadcastChannel(LOBBY_CHANNEL))
// By its lock, the tab notices where this worker ends alone.
void starting.then(({ bootId }) => self.postMessage(bootId))
