import 'fake-indexeddb/auto'

export { walkInNode } from './node-walk.ts'
export { runWalks } from './run-walks.ts'
