import 'fake-indexeddb/auto'

// What pages import only when they need it is there from the start: a walk's clock stands still while a loader may wait.
import '../../src/client/content.ts'

export { walkInNode } from './node-walk.ts'
export { runWalks } from './run-walks.ts'
