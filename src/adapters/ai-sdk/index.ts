export { cancelOnAbort } from './cancel-on-abort.ts'
