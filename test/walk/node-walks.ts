import 'fake-indexeddb/auto'

// What pages import only when they need it is there from the start: a walk's clock stands still while a loader may wait.
import '../../src/client/channel-events.ts'
import '../../src/client/content.ts'
import '../../src/client/log-reader.ts'
import '../../src/client/producer.ts'

export { walkInNode } from './node-walk.ts'
export { runWalks } from './run-walks.ts'
